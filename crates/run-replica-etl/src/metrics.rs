//! A text file for the textfile collector of Prometheus' node exporter.
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use replica_core::cli::values;
use replica_core::error::{Error, Result};
use replica_core::report::output;

/// One number about one kind of run, or about one table in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub metric: Metric,
    /// `t0`, `t1`, `as-of`.
    pub kind: &'static str,
    pub table: Option<SampleTable>,
    pub value: f64,
}

/// A table in the labels.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleTable {
    /// The source's name of it.
    pub name: String,
    /// The target's, where it is another.
    pub target: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    RunSuccess,
    RunEnd,
    RunSeconds,
    TableSuccess,
    TableLastSuccess,
    TableRows,
    TableSeconds,
    TableRetries,
}

impl Metric {
    const ALL: [Self; 8] = [
        Self::RunSuccess,
        Self::RunEnd,
        Self::RunSeconds,
        Self::TableSuccess,
        Self::TableLastSuccess,
        Self::TableRows,
        Self::TableSeconds,
        Self::TableRetries,
    ];

    /// Its name, and what it means.
    fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::RunSuccess => {
                ("replica_run_success", "1 if every table of the last run is as it should be.")
            }
            Self::RunEnd => ("replica_run_end_timestamp_seconds", "When the last run ended."),
            Self::RunSeconds => ("replica_run_duration_seconds", "How long the last run took."),
            Self::TableSuccess => ("replica_table_success", "1 if the table's last refresh went well."),
            Self::TableLastSuccess => (
                "replica_table_last_success_timestamp_seconds",
                "When the table's last refresh that went well ended.",
            ),
            Self::TableRows => {
                ("replica_table_rows", "Rows that the last refresh that went well has stored.")
            }
            Self::TableSeconds => {
                ("replica_table_duration_seconds", "How long the table's last refresh took.")
            }
            Self::TableRetries => {
                ("replica_table_retries", "How often the table's last refresh had to begin anew.")
            }
        }
    }
}

/// The file, if a run can replace it at its end.
///
/// # Errors
/// Of kind `Usage`: not a file, or in no folder.
pub fn replaceable(file: PathBuf) -> Result<PathBuf> {
    values::writable("--prometheus", file)
}

/// Replaces `file` by one with these samples. Of what it holds, samples of other kinds of runs stay, and those of
/// `tables` (all, where these are not known) that this run has no word on: when a table that failed was last refreshed is what an alert asks for.
///
/// # Errors
/// The file cannot be written.
pub fn write(file: &Path, samples: &[Sample], tables: Option<&[String]>) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(format!("the metrics: {}: {error}", file.display()));
    let before = output::written_before(file).map_err(failed)?.unwrap_or_default();
    output::replace(file, text(&before, samples, tables).as_bytes()).map_err(failed)
}

/// Series by their name with labels, in the order of the metrics.
fn text(before: &str, samples: &[Sample], tables: Option<&[String]>) -> String {
    let mut series: BTreeMap<(Metric, String), String> = BTreeMap::new();
    let label = |table: &String| format!("table=\"{}\"", escaped(table));
    let labels: Option<Vec<String>> = tables.map(|tables| tables.iter().map(label).collect());
    for line in before.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        let metric =
            Metric::ALL.into_iter().find(|metric| name.split('{').next() == Some(metric.described().0));
        let is_label = |labels: &Vec<String>| labels.iter().any(|label| name.contains(label));
        let known = !name.contains("table=") || labels.as_ref().is_none_or(is_label);
        if let Some(metric) = metric.filter(|_| known) {
            series.insert((metric, name.to_owned()), value.to_owned());
        }
    }
    for Sample { metric, kind, table, value } in samples {
        let mut name = format!("{}{{run=\"{kind}\"", metric.described().0);
        if let Some(SampleTable { name: table, target }) = table {
            let _ = write!(name, ",table=\"{}\"", escaped(table));
            // Under another name at the target, it is another series.
            let begun = [format!("{name}}}"), format!("{name},")];
            series.retain(|(_, name), _| !begun.iter().any(|begun| name.starts_with(begun)));
            if let Some(target) = target {
                let _ = write!(name, ",target=\"{}\"", escaped(target));
            }
        }
        series.insert((*metric, name + "}"), value.to_string());
    }
    let (mut out, mut last) = (String::new(), None);
    for ((metric, name), value) in series {
        if last.replace(metric) != Some(metric) {
            let (name, help) = metric.described();
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        }
        let _ = writeln!(out, "{name} {value}");
    }
    out
}

/// As Prometheus' text format wants label values (prometheus.io/docs/instrumenting/exposition_formats).
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(metric: Metric, kind: &'static str, table: Option<&str>, value: f64) -> Sample {
        let table = table.map(|name| SampleTable { name: name.to_owned(), target: None });
        Sample { metric, kind, table, value }
    }

    #[test]
    fn a_table_of_another_name_has_both_and_one_series() {
        let tables = ["dbo.a".to_owned(), "dbo.ab".to_owned()];
        let first = [
            sample(Metric::TableSuccess, "t0", Some("dbo.a"), 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.ab"), 1.0),
            sample(Metric::TableSuccess, "t1", Some("dbo.a"), 1.0),
        ];
        let before = text("", &first, Some(&tables[..]));
        let mut renamed = sample(Metric::TableSuccess, "t0", Some("dbo.a"), 0.0);
        renamed.table.as_mut().unwrap().target = Some("stage.\"b\"".into());
        let after = text(&before, &[renamed.clone()], Some(&tables[..]));
        let lines: Vec<&str> = after.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "replica_table_success{run=\"t0\",table=\"dbo.a\",target=\"stage.\\\"b\\\"\"} 0",
                "replica_table_success{run=\"t0\",table=\"dbo.ab\"} 1",
                "replica_table_success{run=\"t1\",table=\"dbo.a\"} 1",
            ]
        );
        assert_eq!(text(&after, &[renamed], Some(&tables[..])), after);
    }

    #[test]
    fn a_failure_keeps_the_time_of_the_last_success() {
        let tables = ["dbo.a".to_owned(), "dbo.[b\"c]".to_owned()];
        let first = [
            sample(Metric::RunSuccess, "t0", None, 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.a"), 1.0),
            sample(Metric::TableLastSuccess, "t0", Some("dbo.a"), 1_700_000_000.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.[b\"c]"), 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.gone"), 1.0),
        ];
        let before = text("", &first, Some(&tables[..]));
        assert_eq!(
            text(&before, &[], None),
            before,
            "nothing is forgotten before it is known what is listed"
        );
        let second = [
            sample(Metric::RunSuccess, "t0", None, 0.0),
            sample(Metric::RunSuccess, "t1", None, 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.a"), 0.0),
            sample(Metric::TableSeconds, "t0", Some("dbo.a"), 0.25),
        ];
        assert_eq!(
            text(&before, &second, Some(&tables[..])),
            "# HELP replica_run_success 1 if every table of the last run is as it should be.\n\
             # TYPE replica_run_success gauge\n\
             replica_run_success{run=\"t0\"} 0\n\
             replica_run_success{run=\"t1\"} 1\n\
             # HELP replica_table_success 1 if the table's last refresh went well.\n\
             # TYPE replica_table_success gauge\n\
             replica_table_success{run=\"t0\",table=\"dbo.[b\\\"c]\"} 1\n\
             replica_table_success{run=\"t0\",table=\"dbo.a\"} 0\n\
             # HELP replica_table_last_success_timestamp_seconds When the table's last refresh that went well ended.\n\
             # TYPE replica_table_last_success_timestamp_seconds gauge\n\
             replica_table_last_success_timestamp_seconds{run=\"t0\",table=\"dbo.a\"} 1700000000\n\
             # HELP replica_table_duration_seconds How long the table's last refresh took.\n\
             # TYPE replica_table_duration_seconds gauge\n\
             replica_table_duration_seconds{run=\"t0\",table=\"dbo.a\"} 0.25\n"
        );
    }

    #[test]
    fn the_file_is_replaced_at_once_and_garbage_in_it_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("replica.prom");
        std::fs::write(&file, "nonsense\nother_metric 1\nreplica_run_success{run=\"t1\"} 1\n").unwrap();
        write(&file, &[sample(Metric::RunSeconds, "t0", None, 1.5)], None).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("replica_run_success{run=\"t1\"} 1\n") && text.contains("{run=\"t0\"} 1.5\n"));
        assert!(!text.contains("nonsense") && !text.contains("other_metric"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write(&folder.path().join("no/replica.prom"), &[], None).unwrap_err();
        assert!(error.to_string().contains("replica.prom"), "{error}");
    }
}
