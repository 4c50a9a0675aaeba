//! A text file for the textfile collector of Prometheus' node exporter.
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use time::format_description::well_known::Iso8601;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::output;
use crate::cli::values;
use crate::copy::changes::AppliedChanges;
use crate::error::{Error, Result};

/// One number about one kind of run, or about one table in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// What it is a measure of.
    pub metric: Metric,
    /// `t0`, `t1`, `as-of`, `changes`.
    pub kind: &'static str,
    /// `None`: the run.
    pub table: Option<SampleTable>,
    /// In the unit that the metric's name ends with.
    pub value: f64,
}

/// A table in the labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SampleTable {
    /// The source's name of it.
    pub name: String,
    /// The target's, where it is another.
    pub target: Option<String>,
}

/// What is measured; [`Metric::described`] says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs)]
pub enum Metric {
    RunSuccess,
    RunEnd,
    RunSeconds,
    TableSuccess,
    TableLastSuccess,
    TableAsOf,
    TableLag,
    TableRows,
    TableSeconds,
    TableRetries,
}

impl Metric {
    const ALL: [Self; 10] = [
        Self::RunSuccess,
        Self::RunEnd,
        Self::RunSeconds,
        Self::TableSuccess,
        Self::TableLastSuccess,
        Self::TableAsOf,
        Self::TableLag,
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
            Self::TableAsOf => (
                "replica_table_as_of_timestamp_seconds",
                "When the version that the table was carried to was the source's, by the source's clock.",
            ),
            Self::TableLag => (
                "replica_table_lag_seconds",
                "How old the version that the table was carried to was when its changes were there.",
            ),
            Self::TableRows => {
                ("replica_table_rows", "Rows that the last refresh that went well has stored or deleted.")
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
pub(super) fn replaceable(file: PathBuf) -> Result<PathBuf> {
    values::writable("--prometheus", file)
}

/// The tables that runs of some kinds are about.
#[derive(Clone, Copy, Debug)]
pub struct SampledTables<'a> {
    /// As samples have them.
    pub kinds: &'a [&'a str],
    /// As the source names them.
    pub tables: &'a [String],
}

/// Replaces `file` by one with these samples. Of what it holds, samples of other kinds of runs stay, and those of
/// `listed` tables (all, where these are not known) that this run has no word on: when a table that failed was last refreshed
/// is what an alert asks for.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(file: &Path, samples: &[Sample], listed: Option<SampledTables<'_>>) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(format!("the metrics: {}: {error}", file.display()));
    output::update(file, |before| text(before, samples, listed)).map_err(failed)
}

/// One series: its metric, the kind of run, and the table, or nothing.
type MetricKey = (Metric, String, String);

/// Series in the order of the metrics, each with the target's name of its table, where it is another, and its value.
fn text(before: &str, samples: &[Sample], listed: Option<SampledTables<'_>>) -> String {
    let escaped_names: Option<HashSet<String>> =
        listed.map(|listed| listed.tables.iter().map(|table| escaped(table)).collect());
    let is_known = |(_, kind, table): &MetricKey| match (listed, &escaped_names) {
        (Some(listed), Some(names)) if !table.is_empty() && listed.kinds.contains(&kind.as_str()) => {
            names.contains(table)
        }
        _ => true,
    };
    let mut series: BTreeMap<MetricKey, (String, String)> = before
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(parsed)
        .filter(|(key, _)| is_known(key))
        .collect();
    for Sample { metric, kind, table, value } in samples {
        let SampleTable { name, target } = table.clone().unwrap_or_default();
        let target = target.map(|target| escaped(&target)).unwrap_or_default();
        // Under another name at the target, it is the same table.
        series.insert((*metric, (*kind).to_owned(), escaped(&name)), (target, value.to_string()));
    }
    let (mut out, mut last) = (String::new(), None);
    for ((metric, kind, table), (target, value)) in series {
        let (name, help) = metric.described();
        if last.replace(metric) != Some(metric) {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        }
        let _ = write!(out, "{name}{{run=\"{kind}\"");
        for (label, value) in [("table", table), ("target", target)] {
            if !value.is_empty() {
                let _ = write!(out, ",{label}=\"{value}\"");
            }
        }
        let _ = writeln!(out, "}} {value}");
    }
    out
}

/// A line that an earlier run has written.
fn parsed(line: &str) -> Option<(MetricKey, (String, String))> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.strip_suffix('}')?.split_once('{')?;
    let metric = Metric::ALL.into_iter().find(|metric| metric.described().0 == name)?;
    let (kind, labels) = label(labels, "run=\"")?;
    let (table, labels) = label(labels, ",table=\"").unwrap_or((String::new(), labels));
    let (target, labels) = label(labels, ",target=\"").unwrap_or((String::new(), labels));
    labels.is_empty().then(|| ((metric, kind, table), (target, value.to_owned())))
}

/// A label's value, still escaped, and what follows it.
fn label<'a>(labels: &'a str, begins: &str) -> Option<(String, &'a str)> {
    let text = labels.strip_prefix(begins)?;
    let mut is_escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    Some((text[..end].to_owned(), &text[end + 1..]))
}

/// Seconds since 1970, as Prometheus counts time.
pub(super) fn now() -> f64 {
    OffsetDateTime::now_utc().unix_timestamp() as f64
}

/// The same of a time in UTC as style 126 writes it; `None`: it is none.
fn seconds_of(moment: &str) -> Option<f64> {
    let moment = PrimitiveDateTime::parse(moment, &Iso8601::PARSING).ok()?.assume_utc();
    // Fractions are parsed as floating point numbers.
    Some((moment.unix_timestamp_nanos() + 500_000).div_euclid(1_000_000) as f64 / 1e3)
}

/// What a table's changes have for samples, beside how long they took.
pub fn of_changes(applied: &AppliedChanges) -> impl Iterator<Item = (Metric, f64)> {
    let written = applied.written;
    let as_of = seconds_of(&applied.as_of).map(|seconds| (Metric::TableAsOf, seconds));
    let rows = (Metric::TableRows, written.all() as f64);
    as_of.into_iter().chain([(Metric::TableLag, applied.lag.as_secs_f64()), rows])
}

/// As Prometheus' text format wants label values (prometheus.io/docs/instrumenting/exposition_formats).
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 2] = ["t0", "t1"];

    fn sample(metric: Metric, kind: &'static str, table: Option<&str>, value: f64) -> Sample {
        let table = table.map(|name| SampleTable { name: name.to_owned(), target: None });
        Sample { metric, kind, table, value }
    }

    #[test]
    fn a_table_of_another_name_has_both_and_one_series() {
        let tables = ["dbo.a".to_owned(), "dbo.ab".to_owned()];
        let tables = Some(SampledTables { kinds: &KINDS, tables: &tables });
        let first = [
            sample(Metric::TableSuccess, "t0", Some("dbo.a"), 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.ab"), 1.0),
            sample(Metric::TableSuccess, "t1", Some("dbo.a"), 1.0),
        ];
        let before = text("", &first, tables);
        let mut renamed = sample(Metric::TableSuccess, "t0", Some("dbo.a"), 0.0);
        renamed.table.as_mut().unwrap().target = Some("stage.\"b\"".into());
        let after = text(&before, &[renamed.clone()], tables);
        let lines: Vec<&str> = after.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "replica_table_success{run=\"t0\",table=\"dbo.a\",target=\"stage.\\\"b\\\"\"} 0",
                "replica_table_success{run=\"t0\",table=\"dbo.ab\"} 1",
                "replica_table_success{run=\"t1\",table=\"dbo.a\"} 1",
            ]
        );
        assert_eq!(text(&after, &[renamed], tables), after);
    }

    #[test]
    fn a_failure_keeps_the_time_of_the_last_success() {
        let tables = ["dbo.a".to_owned(), "dbo.[b\"c]".to_owned()];
        let tables = Some(SampledTables { kinds: &KINDS, tables: &tables });
        let first = [
            sample(Metric::RunSuccess, "t0", None, 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.a"), 1.0),
            sample(Metric::TableLastSuccess, "t0", Some("dbo.a"), 1_700_000_000.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.[b\"c]"), 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.gone"), 1.0),
        ];
        let before = text("", &first, tables);
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
            text(&before, &second, tables),
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
    fn another_tools_tables_are_its_own_to_forget() {
        let first = [
            sample(Metric::TableSuccess, "changes", Some("dbo.other"), 1.0),
            sample(Metric::TableSuccess, "t0", Some("dbo.gone"), 1.0),
        ];
        let before = text("", &first, None);
        let after = text(&before, &[], Some(SampledTables { kinds: &KINDS, tables: &[] }));
        assert!(after.contains("dbo.other") && !after.contains("dbo.gone"), "{after}");
    }

    #[test]
    fn a_versions_time_is_the_sources() {
        assert_eq!(seconds_of("2023-11-14T22:13:20.250"), Some(1_700_000_000.25));
        assert_eq!(seconds_of("2023-11-14T22:13:20"), Some(1_700_000_000.0));
        assert_eq!(seconds_of("soon"), None);
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
