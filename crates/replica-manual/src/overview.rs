//! The page that one looks at first: replica(7).
use argh::CommandInfoWithArgs;
use replica_core::cli::Code;
use roff::{Roff, bold, italic, roman};

use crate::page::{begin, entry, section, summary};

const ENVIRONMENT: [(&str, &str); 6] = [
    ("REPLICA_SOURCE", "where rows come from: a connection string of ADO.NET, ODBC or JDBC, or a URL"),
    ("REPLICA_TARGET", "where rows go to"),
    ("REPLICA_CONFIG", "the configuration, where --config names none"),
    ("RUST_LOG", "which lines the log has: error, warn, info (the default), debug, trace"),
    ("NO_COLOR", "set to anything, it takes the colours from what people see"),
    ("REPLICA_NO_DEPRECATION", "set to 1, it hides the line that an old name of a program prints"),
];

const FIRST_STEPS: [&str; 7] = [
    "export REPLICA_SOURCE='Server=src,1433;Database=db;User Id=u;Password=p'",
    "export REPLICA_TARGET='Server=dst,1433;Database=db;User Id=u;Password=p'",
    "sync-replica-schema --init      # a replica.toml to look through",
    "check-replica                   # what would go wrong",
    "replicate-reference-tables --explain --all",
    "replicate-reference-tables --all --create --verify hash",
    "verify-replica --all            # the proof, at any time",
];

/// The page, which names all programs.
pub fn page(tools: &[CommandInfoWithArgs]) -> String {
    let mut page = begin("replica", "7");
    section(&mut page, "NAME");
    page.text([roman("replica - keeps a copy of SQL Server tables on another SQL Server, and proves it")]);
    section(&mut page, "DESCRIPTION");
    page.text([roman(
        "The programs below copy tables from a source to a target as bytes, compare both sides byte by byte, and find \
         values that do not fit. Each does one thing, reads the same configuration, and ends with the same exit codes. \
         A run can be repeated at any time: what failed has changed nothing, or is done again.",
    )]);
    section(&mut page, "PROGRAMS");
    for tool in tools {
        entry(&mut page, vec![bold(tool.name), roman("(1)")], &summary(tool.description));
    }
    section(&mut page, "FIRST STEPS");
    example(&mut page, &FIRST_STEPS);
    section(&mut page, "OUTPUT");
    page.text([roman(
        "Results are on stdout: a table for people on a terminal, tab-separated values in a pipe, or JSON (--output). The \
         log, timing and progress are on stderr (--log-format). With --quiet a program says nothing but what went wrong.",
    )]);
    section(&mut page, "EXIT STATUS");
    for code in Code::ALL {
        entry(&mut page, vec![bold(code.number().to_string())], code.meaning());
    }
    section(&mut page, "ENVIRONMENT");
    for (variable, meaning) in ENVIRONMENT {
        entry(&mut page, vec![bold(variable)], meaning);
    }
    section(&mut page, "FILES");
    let places = "the configuration, replica.toml(5): the first that is there";
    entry(
        &mut page,
        vec![
            italic("./replica.toml"),
            roman(", "),
            italic("~/.config/replica/"),
            roman(", "),
            italic("/etc/replica/"),
        ],
        places,
    );
    section(&mut page, "SEE ALSO");
    page.text([bold("replica.toml"), roman("(5)")]);
    page.render()
}

fn example(page: &mut Roff, lines: &[&str]) {
    page.control("EX", []);
    page.text(lines.iter().map(|line| roman(format!("{line}\n"))).collect::<Vec<_>>());
    page.control("EE", []);
}
