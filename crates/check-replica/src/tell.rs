//! Findings as lines: for programs one each, for people by what belongs together.
use std::io::{self, IsTerminal, Write};

use replica_core::check::{CheckFinding, CheckSeverity};
use replica_core::error::Result;
use replica_core::report::{Format, Record, RecordValue, Reporter, one_line};

/// Tells all findings, problems alone with `--quiet`.
///
/// # Errors
/// Those of stdout: a closed pipe, above all.
pub fn tell(findings: &[CheckFinding], reporter: &Reporter) -> Result<()> {
    if reporter.format() != Format::Text {
        for finding in findings {
            let record = record(finding);
            if is_problem(finding) { reporter.problem(&record)? } else { reporter.result(&record)? }
        }
        return Ok(());
    }
    let wanted = |finding: &&CheckFinding| !reporter.is_quiet() || is_problem(finding);
    let findings: Vec<&CheckFinding> = findings.iter().filter(wanted).collect();
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    Ok(reporter.write(|out| grouped(&findings, colours, out))?)
}

/// What could not be asked is as it was yesterday.
fn is_problem(finding: &CheckFinding) -> bool {
    matches!(finding.severity, CheckSeverity::Error | CheckSeverity::Warning)
}

fn record(finding: &CheckFinding) -> Record {
    let text = |text: &str| RecordValue::Text(text.to_owned());
    let maybe = |value: &Option<String>| value.as_deref().map_or(RecordValue::Missing, text);
    Record::new()
        .with("id", text(finding.code()))
        .with("side", RecordValue::Text(finding.side.to_string()))
        .with("table", maybe(&finding.table))
        .with("severity", RecordValue::Text(finding.severity.to_string()))
        .with("what", text(&finding.what))
        .with("remedy", maybe(&finding.remedy))
}

fn grouped(findings: &[&CheckFinding], colours: bool, out: &mut impl Write) -> io::Result<()> {
    let mut group = None;
    for finding in findings {
        if group.replace(finding.check.group()) != Some(finding.check.group()) {
            writeln!(out, "{}", styled(finding.check.group().title(), BOLD, colours))?;
        }
        let table = finding.table.as_ref().map_or(String::new(), |table| format!("{table}: "));
        let severity = styled(&format!("{:<8}", finding.severity), style(finding.severity), colours);
        let what = one_line(&format!("{table}{}", finding.what));
        writeln!(out, "  {severity} {:<8} {what} ({})", finding.side, finding.code())?;
        if let Some(remedy) = &finding.remedy {
            writeln!(out, "{:20}{}", "", one_line(remedy))?;
        }
    }
    Ok(())
}

/// ANSI (ECMA-48, 8.3.117): parameters of SGR.
const BOLD: &str = "1";

fn style(severity: CheckSeverity) -> &'static str {
    match severity {
        CheckSeverity::Error => "31",
        CheckSeverity::Warning => "33",
        CheckSeverity::Skipped => "36",
        CheckSeverity::Info => "32",
    }
}

fn styled(text: &str, style: &str, colours: bool) -> String {
    if colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use replica_core::check::{Check, Side};

    use super::*;

    fn text(colours: bool) -> String {
        let low = CheckFinding::new(Check::LogSpace, Side::Target, CheckSeverity::Error, "no\nroom")
            .remedy("Make room");
        let size = CheckFinding::new(Check::Size, Side::Source, CheckSeverity::Info, "5 MB").table("dbo.t");
        let mut out = Vec::new();
        grouped(&[&size, &low], colours, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_see_what_belongs_together() {
        let expected = "space\n  info     source   dbo.t: 5 MB (size)\n  error    target   no room (log_space)\n                    Make room\n";
        assert_eq!(text(false), expected);
        assert!(text(true).contains("\x1b[31merror   \x1b[0m target"));
    }
}
