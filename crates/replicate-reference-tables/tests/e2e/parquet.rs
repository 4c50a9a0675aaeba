//! Through files of Parquet, and out of them.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use replica_testkit::{Pair, Program, ProgramExit};

use crate::types::copy_every_type;
use crate::util::{assert_old_rows, fault, fill, ids, pair_with_old_rows, skip, tool};

const PARQUET: [&str; 2] = ["--full-table-mode", "parquet"];

/// The tool, with the options that all tests here have.
trait Through {
    fn through(&self, args: &[&str]) -> ProgramExit;
}

impl Through for Program {
    fn through(&self, args: &[&str]) -> ProgramExit {
        self.run(&[&PARQUET, args].concat())
    }
}

/// What is in a folder, partial files included.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("a file").file_name().into_string().expect("plain")).collect();
    names.sort();
    names
}

/// A pair whose target has old rows, and the file of the source's three new ones.
fn pair_and_file() -> (Pair, Program, PathBuf) {
    let pair = pair_with_old_rows("nvarchar(20) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, N'a'), (2, NULL), (3, N'')");
    let program = tool(&pair);
    program.through(&["t", "--keep-parquet"]).exits(0);
    pair.target("DELETE FROM dbo.t; INSERT INTO dbo.t (id, label) VALUES (901, 'old'), (902, 'older')");
    let file = program.folder().join("dbo.t.parquet");
    (pair, program, file)
}

/// Loads the file and expects to be refused, with the old rows as they were.
#[track_caller]
fn refused(pair: &Pair, program: &Program, why: &str) -> ProgramExit {
    let run = program.through(&["t", "--from", "."]).exits(1).says(why);
    assert_old_rows(pair);
    run
}

#[test]
fn every_type_goes_through_a_file() {
    copy_every_type(&PARQUET);
}

#[test]
fn files_stay_only_where_they_are_asked_to() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL, label nvarchar(20))");
    pair.source("INSERT INTO dbo.t VALUES (1, N'a'), (2, NULL), (3, N'')");
    let program = tool(&pair);
    program.through(&["t", "--verify=hash"]).exits(0);
    pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id");
    assert!(files(program.folder()).is_empty());

    let kept = tempfile::tempdir().expect("a folder");
    let folder = kept.path().to_str().expect("plain");
    program.through(&["t", "--keep-parquet", "--parquet-dir", folder]).exits(0);
    assert_eq!(files(kept.path()), ["dbo.t.parquet"]);
    assert!(files(program.folder()).is_empty());
}

/// An identifier has up to 128 characters, the name of a file up to 255 bytes.
#[test]
fn a_name_of_128_characters_has_a_file() {
    let pair = Pair::new();
    let name = |last: char| format!("\u{8868}{}{last}", "\u{683C}".repeat(126));
    let (one, other) = (name('\u{4E00}'), name('\u{4E8C}'));
    for (number, name) in [(1, &one), (2, &other)] {
        pair.both(&format!("CREATE TABLE dbo.[{name}] (id int NOT NULL)"));
        pair.source(&format!("INSERT INTO dbo.[{name}] VALUES ({number})"));
    }
    let program = tool(&pair);
    program.through(&[&one, &other, "--keep-parquet"]).exits(0);
    assert_eq!(files(program.folder()).len(), 2);
    pair.target(&format!("DELETE FROM dbo.[{one}]; DELETE FROM dbo.[{other}]"));
    program.through(&[&format!("dbo.{one}"), &other, "--from", "."]).exits(0);
    pair.assert_equal(&format!("SELECT id FROM dbo.[{one}]"));
    pair.assert_equal(&format!("SELECT id FROM dbo.[{other}]"));
}

#[test]
fn a_failed_run_leaves_no_half_file_and_no_half_table() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    fill(&mut pair.source.client(), 3);
    pair.source("INSERT INTO dbo.t (id, label) VALUES (1, 'twice')");
    let program = tool(&pair);
    program.through(&["t"]).exits(1).says("2627");
    assert_old_rows(&pair);
    assert!(files(program.folder()).is_empty());
}

#[test]
fn files_are_loaded_without_a_source() {
    let (pair, program, _) = pair_and_file();
    let stopped = program.with("REPLICA_SOURCE", "");
    let first = stopped.through(&["t", "--from=.", "--output=tsv", "--verify=hash"]).exits(0);
    pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id");
    // The hash is that of a stream from the source.
    let streamed = tool(&pair).run(&["t", "--output=tsv"]).exits(0);
    assert_eq!(first.lines()[0][6], streamed.lines()[0][6], "{first}{streamed}");
    // The table is found by a name without schema, in another case.
    stopped.through(&["T", "--from=."]).exits(0);
    // It is the file's name that counts, not the name of the table that it was written from.
    pair.target("CREATE TABLE dbo.u (id int NOT NULL, label nvarchar(20) NULL)");
    fs::copy(stopped.folder().join("dbo.t.parquet"), stopped.folder().join("dbo.u.parquet")).expect("a copy");
    fs::write(stopped.folder().join("dbo.t.parquet"), "").expect("the file");
    stopped.through(&["dbo.u", "--from=."]).exits(0);
    assert_eq!(pair.target.client().rows("SELECT id FROM dbo.u").len(), 3);
    stopped.through(&["other", "--from=."]).exits(1).says("no file other.parquet");
    stopped.through(&["t", "--from=nowhere"]).exits(2).says("nowhere is no folder");
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let (pair, program, file) = pair_and_file();
    let bytes = fs::read(&file).expect("the file");
    fs::write(&file, &bytes[..bytes.len() / 2]).expect("the file");
    refused(&pair, &program, "not a complete file of Parquet");
    fs::write(&file, []).expect("the file");
    refused(&pair, &program, "not a complete file of Parquet");
}

#[test]
fn a_file_that_was_changed_is_refused() {
    let (pair, program, file) = pair_and_file();
    let bytes = fs::read(&file).expect("the file");
    let mut changed = bytes.clone();
    changed[20] ^= 1;
    fs::write(&file, &changed).expect("the file");
    refused(&pair, &program, "changed after it was written");
    // What the footer says of the rows has a hash of its own.
    let at = find(&bytes, br#""hash":""#) + br#""hash":""#.len();
    let mut changed = bytes;
    changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
    fs::write(&file, &changed).expect("the file");
    refused(&pair, &program, "its footer was changed after it was written");
}

#[test]
fn a_file_that_others_wrote_is_refused() {
    let (pair, program, file) = pair_and_file();
    let mut bytes = fs::read(&file).expect("the file");
    let at = find(&bytes, b"REPLICA\x01");
    bytes[at..at + 7].copy_from_slice(b"another");
    fs::write(&file, &bytes).expect("the file");
    refused(&pair, &program, "these tools did not write it");
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    let mut places = bytes.windows(part.len()).enumerate().filter(|(_, window)| *window == part);
    places.next().expect("it is there").0
}

#[test]
fn a_file_of_another_schema_is_refused() {
    let (pair, program, _) = pair_and_file();
    pair.target("ALTER TABLE dbo.t ALTER COLUMN label varchar(20) NULL");
    refused(&pair, &program, "the file holds [label], and this target needs CAST([label]");
    pair.target("ALTER TABLE dbo.t ALTER COLUMN label nvarchar(20) NULL; ALTER TABLE dbo.t ADD more int NOT NULL DEFAULT 7");
    // A column that the source never had is filled by its default, as in a stream.
    program.through(&["t", "--from=."]).exits(0);
    assert_eq!(pair.target.client().rows("SELECT id FROM dbo.t WHERE more = 7").len(), 3);
}

#[test]
fn a_folder_that_takes_no_files_is_said_before_anything_is_read() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let program = tool(&pair);
    program.through(&["t", "--parquet-dir", "nowhere"]).exits(2).says("nowhere is no folder");
    // Not even root makes files there.
    program.through(&["t", "--parquet-dir", "/proc"]).exits(1).says("/proc: ");
    assert_old_rows(&pair);
}

#[test]
fn a_full_disk_leaves_the_old_rows_and_no_file() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    fill(&mut pair.source.client(), 3);
    pair.source("ALTER TABLE dbo.t ADD noise uniqueidentifier NOT NULL DEFAULT NEWID()");
    pair.target("ALTER TABLE dbo.t ADD noise uniqueidentifier NULL");
    // A limit on a file's size is met as a full disk is: a write fails.
    let limited = Program::new("/bin/sh").between(&pair);
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let binary = env!("CARGO_BIN_EXE_replicate-reference-tables");
    let run = limited.run(&["-c", script, binary, "t", PARQUET[0], PARQUET[1]]).exits(1).says("writing ");
    assert!(!run.stderr.contains("retry"), "a full disk stays full\n{run}");
    assert_old_rows(&pair);
    assert!(files(limited.folder()).is_empty());
}

#[test]
fn a_lost_connection_is_made_good_by_another_file() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    if !pair.server.is_sandbox() {
        skip("only the sandbox breaks on request");
        return;
    }
    fill(&mut pair.source.client(), 3);
    fault(&pair, "@fault = 'cut_receiving'");
    let program = tool(&pair);
    program.through(&["t", "--verify=hash"]).exits(0).says("retry 1");
    assert_eq!(ids(&mut pair.target.client()), (1..=8).collect::<Vec<_>>());
    assert!(files(program.folder()).is_empty());
}

#[test]
fn an_interrupted_run_leaves_no_half_file() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    if !pair.server.is_sandbox() {
        skip("only the sandbox falls silent on request");
        return;
    }
    fill(&mut pair.source.client(), 3);
    fault(&pair, "@fault = 'silence', @table = 'dbo.t', @value = 4");
    let program = tool(&pair);
    let running = program.start(&["t", PARQUET[0], PARQUET[1]]);
    let given_up = Instant::now() + Duration::from_secs(60);
    while files(program.folder()).is_empty() {
        assert!(Instant::now() < given_up, "no file is begun");
        std::thread::yield_now();
    }
    running.signal("INT");
    running.finish().exits(130);
    fault(&pair, "@fault = 'none'");
    assert!(files(program.folder()).is_empty());
    assert_old_rows(&pair);
}

#[test]
fn explain_says_where_the_file_is() {
    let (pair, program, _) = pair_and_file();
    let run = program.through(&["t", "--from=.", "--explain", "--output=text"]).exits(0);
    assert!(run.stdout.contains("dbo.t.parquet") && !run.stdout.contains("READ COMMITTED"), "{run}");
    let run = program.through(&["t", "--explain", "--output=text"]).exits(0);
    assert!(run.stdout.contains("READ COMMITTED") && run.stdout.contains("parquet"), "{run}");
    assert_old_rows(&pair);
}

/// PyArrow and DuckDB read the values that the server has: docs/PARQUET.md is true for others, too.
#[test]
fn others_read_the_same_values() {
    let installed = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/clients"));
    if !fs::read_to_string(installed.join("installed")).is_ok_and(|what| what.contains("pyarrow")) {
        assert!(std::env::var_os("CI").is_none(), "run scripts/install-clients first");
        return skip("run scripts/install-clients first");
    }
    let pair = Pair::new();
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replica-sandbox/tests/sandbox/clients");
    let every_type = fs::read_to_string(clients.join("every_type.sql")).expect("the table of every type");
    pair.source(&every_type);
    pair.target(every_type.split("INSERT").next().expect("the table comes first"));
    pair.both(
        "CREATE TABLE dbo.finest (id int NOT NULL PRIMARY KEY, t time(7) NULL, m datetime2(7) NULL, \
         o datetimeoffset(7) NULL, v sql_variant NULL, l varchar(20) COLLATE Greek_CI_AS NULL, lone nvarchar(5) NULL)",
    );
    pair.source(
        "INSERT INTO dbo.finest VALUES (1, '23:59:59.9999999', '9999-12-31T23:59:59.9999999', \
         '2024-02-29T12:34:56.7654321-05:30', CAST(12.50 AS decimal(5,2)), N'Ωμέγα', NCHAR(0xD83D) + N'x'), \
         (2, '00:00:00', '0001-01-01T00:00:00.0000001', '0001-01-02T00:00:00+14:00', N'жé', '', N''), \
         (3, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    // Longer than what a page is made of in memory.
    pair.both(
        "CREATE TABLE dbo.long (id int NOT NULL PRIMARY KEY, b varbinary(max) NULL, n nvarchar(max) NULL, \
         v varchar(max) NULL, x xml NULL)",
    );
    let long = |unit: &str| format!("REPLICATE(CAST({unit} AS nvarchar(max)), 400000)");
    let [bytes, text] = [long("N'0123456789abcdef'"), long("N'0123456789Ωé\u{1F600}€'")];
    let latin = long("N'0123456789abcdé '");
    pair.source(&format!(
        "INSERT INTO dbo.long VALUES (1, 0x01, N'Ω', 'é', '<a/>'), \
         (2, CAST(CAST({bytes} AS varchar(max)) AS varbinary(max)), {text}, {latin}, N'<a>' + {text} + N'</a>'), \
         (3, NULL, NULL, {latin}, NULL)"
    ));
    let program = tool(&pair);
    program.through(&["every_type", "finest", "long", "--keep-parquet", "--verify=hash"]).exits(0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/parquet_readers.py");
    let output = Command::new(installed.join("python/bin/python"))
        .arg(script)
        .arg(program.folder())
        .env("PYTHONPATH", clients)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Neither as it is written nor as it is read: its page is made piece by piece.
#[test]
fn a_long_value_is_never_in_memory() {
    const MIB: u64 = 40;
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n nvarchar(max) NULL)");
    pair.both("CREATE TABLE dbo.b (id int NOT NULL PRIMARY KEY, b varbinary(max) NULL)");
    let peak = |table: &str| {
        let program = tool(&pair);
        let running = program.start(&[&PARQUET[..], &[table, "--verify", "hash"]].concat());
        let (exit, peak) = running.finish_with_peak();
        exit.exits(0);
        peak / 1024
    };
    let base = peak("t").max(peak("b"));
    let long = format!("REPLICATE(CAST('0123456789abcdef' AS varchar(max)), {MIB} * 65536)");
    pair.source(&format!("INSERT INTO dbo.t VALUES (1, {long})"));
    pair.source(&format!("INSERT INTO dbo.b VALUES (1, CAST({long} AS varbinary(max)))"));
    let (text, bytes) = (peak("t"), peak("b"));
    assert!(text < base + 16, "{text} MiB for {} MiB of nvarchar, {base} for none", 2 * MIB);
    assert!(bytes < base + 16, "{bytes} MiB for {MIB} MiB of varbinary, {base} for none");
    pair.assert_equal("SELECT id, DATALENGTH(n), LEFT(n, 20) FROM dbo.t");
    pair.assert_equal("SELECT id, DATALENGTH(b), CAST(RIGHT(b, 20) AS varbinary(20)) FROM dbo.b");
}
