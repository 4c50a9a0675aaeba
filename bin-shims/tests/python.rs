//! The lines of an old crontab, as they stand there: `python scripts/NAME.py TABLE --option=value`.
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use replica_testkit::{Pair, Program, ProgramExit};
use tempfile::TempDir;

/// Where cargo puts this workspace's programs, the one that is asked for among them.
const BINARY: &str = env!("CARGO_BIN_EXE_replicate_reference_tables");

/// A folder with `scripts/`, as a crontab's line finds them.
fn installed() -> TempDir {
    let folder = TempDir::new().unwrap();
    let run = install(&folder.path().join("scripts"));
    run.exits(0);
    folder
}

fn install(folder: &Path) -> ProgramExit {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/install-shims");
    Program::new(script).run(&[folder.to_str().unwrap()])
}

/// Runs `python scripts/NAME.py ...` where the scripts are, by a shell, as cron does.
fn crontab(folder: &TempDir, program: Program, line: &str) -> ProgramExit {
    let command = format!("cd '{}' && {line}", folder.path().display());
    program.run(&["-c", &command.replace("python ", "python3 ")])
}

fn shell() -> Program {
    Program::new("sh").with("REPLICA_BIN", Path::new(BINARY).parent().unwrap().to_str().unwrap())
}

#[test]
fn every_old_line_does_its_work() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.APP_1_PRODUCTS (ID int NOT NULL PRIMARY KEY, NAME nvarchar(20) NULL)");
    let folder = installed();
    for (rows, line) in [
        (1, "python scripts/export_and_load_replica.py APP_1_PRODUCTS"),
        (
            2,
            "python scripts/export_and_load_replica.py dbo.APP_1_PRODUCTS --full-table --full-table-mode stream",
        ),
        (3, "python scripts/replicate_reference_tables.py APP_1_PRODUCTS --max-workers=2 --chunk-size=500"),
        (
            4,
            "./scripts/replicate_reference_tables.py --max-w 1 --chunk 500 --full-table-m=stream APP_1_PRODUCTS",
        ),
        (5, "echo APP_1_PRODUCTS | python scripts/replicate_reference_tables.py -"),
    ] {
        pair.source(&format!("INSERT INTO dbo.APP_1_PRODUCTS VALUES ({rows}, N'Überraschung')"));
        let run = crontab(&folder, shell().between(&pair), line).exits(0);
        assert_eq!(run.lines()[0][0], "dbo.APP_1_PRODUCTS", "{run}");
        assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.APP_1_PRODUCTS"), rows, "{line}");
    }
    pair.assert_equal("SELECT * FROM dbo.APP_1_PRODUCTS ORDER BY ID");
}

#[test]
fn every_old_script_reaches_its_program() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.APP_4_SALES (ID int NOT NULL PRIMARY KEY, SALE_DATE date NOT NULL, NAME nvarchar(20) NULL)",
    );
    for (id, day) in [(1, "2024-01-01"), (2, "2024-01-31"), (3, "2024-02-29"), (4, "2024-03-01")] {
        pair.source(&format!("INSERT INTO dbo.APP_4_SALES VALUES ({id}, '{day}', N'Überraschung')"));
    }
    let folder = installed();
    std::fs::write(folder.path().join("replica.toml"), "date_tables = ['APP_4_SALES']\n").unwrap();
    // In the order in which each finds what the one before has left.
    for (line, rows) in [
        (
            "python scripts/replicate_monthly_parallel.py APP_4_SALES --start-date 2024-01-01 --end-date=2024-01-31 --max-workers=2",
            2,
        ),
        (
            "python scripts/replicate_monthly_parallel_streaming.py APP_4_SALES --start 2024-01-01 --end=2024-02-29 --max-w 1 --resu",
            3,
        ),
        ("python scripts/run_replica_etl.py --as-of=2024-03-01", 4),
        ("python scripts/verify_replica.py APP_4_SALES --start-date=2024-01-01 --end-date 2024-03-31", 4),
        ("python scripts/find_string_overflows.py APP_4_SALES --rows=3", 4),
        ("python scripts/debug_numeric_overflow.py APP_4_SALES", 4),
        (
            "python scripts/debug_datetime_range.py APP_4_SALES --date-column SALE_DATE --start-date 2024-01-01 --end-date=2024-12-31",
            4,
        ),
        ("python scripts/debug_single_row_insert.py APP_4_SALES --key=4", 4),
    ] {
        crontab(&folder, shell().between(&pair), line).exits(0);
        assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.APP_4_SALES"), rows, "{line}");
    }
    pair.assert_equal("SELECT * FROM dbo.APP_4_SALES ORDER BY ID");
}

#[test]
fn the_programs_exit_codes_are_the_scripts() {
    let folder = installed();
    let run = crontab(&folder, shell(), "python scripts/replicate_reference_tables.py t --max 1").exits(2);
    assert_eq!(run.stderr.lines().count(), 1, "{run}");
    crontab(&folder, shell(), "python scripts/replicate_reference_tables.py t")
        .exits(2)
        .says("REPLICA_SOURCE");
    let version = crontab(&folder, shell(), "python scripts/export_and_load_replica.py --version").exits(0);
    assert!(version.stdout.starts_with("replicate-reference-tables "), "{version}");
}

#[test]
fn the_program_is_found_where_it_may_be() {
    let folder = installed();
    let line = "python scripts/export_and_load_replica.py --version";
    let program = Path::new(BINARY).with_file_name("replicate-reference-tables");
    let home = TempDir::new().unwrap();
    // As cron does: a short PATH, and a home.
    let bare =
        || Program::new("/bin/sh").with("PATH", "/usr/bin:/bin").with("HOME", home.path().to_str().unwrap());
    crontab(&folder, bare(), line).exits(2).says("export_and_load_replica.py").says("REPLICA_BIN");

    let bin = program.parent().unwrap().to_str().unwrap();
    crontab(&folder, bare().with("PATH", &format!("/usr/bin:/bin:{bin}")), line).exits(0);
    crontab(&folder, bare().with("REPLICA_BIN", bin), line).exits(0);
    // The folder that is named may lack it.
    let beside = folder.path().join("scripts/replicate-reference-tables");
    symlink(&program, &beside).unwrap();
    crontab(&folder, bare().with("REPLICA_BIN", "/nowhere"), line).exits(0);

    // The script is a link to the one beside the program.
    let elsewhere = TempDir::new().unwrap();
    let script = folder.path().join("scripts/export_and_load_replica.py");
    symlink(script, elsewhere.path().join("export_and_load_replica.py")).unwrap();
    crontab(&elsewhere, bare(), "python export_and_load_replica.py --version").exits(0);

    // It is there, and cannot run.
    std::fs::remove_file(&beside).unwrap();
    std::fs::write(&beside, "\u{7f}no program").unwrap();
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).unwrap();
    crontab(&folder, bare(), line).exits(2).says("cannot start").says("Exec format error");

    // `cargo install` puts it into a folder that cron does not know.
    std::fs::remove_file(&beside).unwrap();
    let cargo = home.path().join(".cargo/bin");
    std::fs::create_dir_all(&cargo).unwrap();
    symlink(&program, cargo.join("replicate-reference-tables")).unwrap();
    crontab(&folder, bare(), line).exits(0);
}

#[test]
fn an_import_does_not_run_the_program() {
    let folder = installed();
    let mine = "import sys; sys.path.insert(0, 'scripts')\n\
                from replicate_reference_tables import build_row_tuple\nprint('went on')\n";
    std::fs::write(folder.path().join("mine.py"), mine).unwrap();
    let run = crontab(&folder, shell(), "python mine.py dbo.T --full-table").exits(1);
    assert_eq!(run.stdout, "", "{run}");
    run.says("ImportError").says("replicate_reference_tables is now the program replicate-reference-tables");
}

#[test]
fn a_script_of_old_is_not_lost() {
    let folder = TempDir::new().unwrap();
    let old = folder.path().join("verify_replica.py");
    std::fs::write(&old, "print('years of work')\n").unwrap();
    install(folder.path()).exits(1).says("verify_replica.py");
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "print('years of work')\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    std::fs::remove_file(&old).unwrap();
    install(folder.path()).exits(0);
    // Again, as a new version does.
    install(folder.path()).exits(0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 10);
}

#[test]
fn options_are_spelled_as_the_scripts_took_them() {
    let pair = Pair::new();
    for table in ["APP_1_A", "APP_1_B"] {
        pair.both(&format!("CREATE TABLE dbo.{table} (ID int NOT NULL PRIMARY KEY)"));
        pair.source(&format!("INSERT INTO dbo.{table} VALUES (1)"));
    }
    let folder = installed();
    for (arguments, tables) in [
        ("--tables APP_1_A APP_1_B --max-workers 2", vec!["dbo.APP_1_A", "dbo.APP_1_B"]),
        ("--table APP_1_A", vec!["dbo.APP_1_A"]),
        ("--full-table APP_1_B", vec!["dbo.APP_1_B"]),
        ("--full-table=APP_1_B", vec!["dbo.APP_1_B"]),
    ] {
        let line = format!("python scripts/replicate_reference_tables.py {arguments}");
        let run = crontab(&folder, shell().between(&pair), &line).exits(0);
        let mut copied: Vec<&str> = run.lines().into_iter().map(|line| line[0]).collect();
        copied.sort_unstable();
        assert_eq!(copied, tables, "{run}");
    }
    pair.assert_equal("SELECT * FROM dbo.APP_1_A");
    pair.assert_equal("SELECT * FROM dbo.APP_1_B");
    let help = crontab(&folder, shell(), "python scripts/replicate_reference_tables.py -h").exits(0);
    assert!(help.stdout.starts_with("Usage: replicate-reference-tables"), "{help}");
    // No configuration: the day is understood, and there is nothing to do for it.
    crontab(&folder, shell(), "python scripts/run_replica_etl.py --t-1").exits(2).says("lists no tables");
    crontab(&folder, shell(), "python scripts/verify_replica.py t --max-wrokers=2")
        .exits(2)
        .says("Did you mean --max-workers?");
}
