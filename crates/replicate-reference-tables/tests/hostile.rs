//! Connections that break, lie or fall silent while rows pass, and users who change their mind: each ends with its
//! exit code and a clear message, and leaves the target as it was.
use std::time::Duration;

use replica_core::config::Endpoint;
use replica_testkit::proxy::{From, Harm, Proxy, Rule, utf16};
use replica_testkit::rough::{Blow, RoughWay, Trouble};
use replica_testkit::{Client, Database, Pair, Program, ProgramExit};

const BINARY: &str = env!("CARGO_BIN_EXE_replicate-reference-tables");
const ROWS: u32 = 3_000;
/// The row in the middle of the table at which harm is done.
const MIDDLE: u32 = ROWS / 2;
const NEEDLE: &str = "needle in the haystack";
/// Harm that begins within the needle's text: after the id, the length, and some of it.
const WITHIN: usize = 4 + 2 + 3;
const ALWAYS: u32 = u32::MAX;

/// A table with many rows in the source and one in the target; `None` where no proxy can see rows.
fn stage() -> Option<Pair> {
    let pair = Pair::new();
    if !is_plain_after_login(&pair.source) {
        eprintln!("skipped: this server encrypts everything, so that no harm can be done to chosen bytes");
        return None;
    }
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, name nvarchar(40) NOT NULL)");
    for first in (0..ROWS).step_by(500) {
        let rows = first..first + 500;
        let rows = rows
            .map(|id| if id == MIDDLE { format!("({id}, N'{NEEDLE}')") } else { format!("({id}, N'hay')") });
        pair.source(&format!("INSERT INTO dbo.t (id, name) VALUES {}", rows.collect::<Vec<_>>().join(", ")));
    }
    pair.target("INSERT INTO dbo.t (id, name) VALUES (-1, N'as it was')");
    Some(pair)
}

fn is_plain_after_login(database: &Database) -> bool {
    let (proxy, through) = proxy(database, From::Server, Harm::Replace(needle()), 1);
    Client::connect(&through).rows(&format!("SELECT {MIDDLE} AS id, N'{NEEDLE}' AS name"));
    proxy.has_struck(Duration::ZERO)
}

#[track_caller]
fn assert_as_it_was(pair: &Pair) {
    let rows = pair.target.client().rows("SELECT id, name FROM dbo.t");
    let rows: Vec<_> = rows.iter().map(|row| (row.get::<i32, _>(0), row.get::<&str, _>(1))).collect();
    assert_eq!(rows, [(Some(-1), Some("as it was"))]);
}

/// The needle as it lies in a row, with a name of this length: the id, the length in bytes, UTF-16. That the id comes
/// first, which no test harms, lets a TLS flight pass that happens to end with the length's first byte.
fn needle_of(length: [u8; 2]) -> Vec<u8> {
    [&MIDDLE.to_le_bytes()[..], &length, &utf16(NEEDLE)].concat()
}

fn needle() -> Vec<u8> {
    needle_of((2 * NEEDLE.len() as u16).to_le_bytes())
}

/// A relay before a database, and the connection string that leads through it. What passes is plain after the login.
fn proxy(database: &Database, from: From, harm: Harm, times: u32) -> (Proxy, String) {
    let server = Endpoint::from_connection_string(&database.connection).unwrap();
    let rule = Rule { from, pattern: needle(), harm, times };
    let proxy = Proxy::before((server.host.clone(), server.port_or_default()), rule).unwrap();
    let through =
        format!("{};Encrypt=false;Server=127.0.0.1,{}", database.connection, proxy.address().port());
    (proxy, through)
}

enum HarmedSide {
    Source,
    Target,
}

/// The binary with harm on the rows' way out of the source or into the target.
fn harmed(pair: &Pair, side: &HarmedSide, harm: Harm, times: u32, more: &str) -> (Proxy, Program) {
    let program = Program::new(BINARY).between(pair);
    let (proxy, through) = match side {
        HarmedSide::Source => proxy(&pair.source, From::Server, harm, times),
        HarmedSide::Target => proxy(&pair.target, From::Client, harm, times),
    };
    let variable = match side {
        HarmedSide::Source => "REPLICA_SOURCE",
        HarmedSide::Target => "REPLICA_TARGET",
    };
    (proxy, program.with(variable, &format!("{through};{more}")))
}

/// Runs with harm done, and finds the target as it was.
#[track_caller]
fn fails(side: &HarmedSide, harm: Harm, more: &str) -> Option<ProgramExit> {
    let pair = stage()?;
    let (proxy, program) = harmed(&pair, side, harm, ALWAYS, more);
    let run = program.run(&["dbo.t"]).exits(1).says("dbo.t");
    assert!(proxy.has_struck(Duration::ZERO), "no harm was done\n{run}");
    assert_as_it_was(&pair);
    Some(run)
}

#[test]
fn a_source_that_hangs_up_within_a_row() {
    if let Some(run) = fails(&HarmedSide::Source, Harm::HangUp(WITHIN), "") {
        run.says("the server hung up");
    }
}

#[test]
fn a_connection_that_is_lost_once_is_made_again() {
    let Some(pair) = stage() else { return };
    let (proxy, program) = harmed(&pair, &HarmedSide::Source, Harm::HangUp(WITHIN), 1, "");
    let run = program.run(&["dbo.t"]).exits(0).says("retry 1");
    assert!(proxy.has_struck(Duration::ZERO), "no harm was done\n{run}");
    pair.assert_equal("SELECT id, name FROM dbo.t ORDER BY id");
}

#[test]
fn a_source_whose_row_lengths_lie() {
    let length = 2 * NEEDLE.len() as u8;
    for lie in [[length + 4, 0], [length - 2, 0], [0xFE, 0x7F], [0xFF, 0xFF]] {
        let Some(run) = fails(&HarmedSide::Source, Harm::Replace(needle_of(lie)), "") else { return };
        assert!(!run.stderr.contains("retry"), "what lies once lies twice\n{run}");
    }
}

#[test]
fn a_source_that_falls_silent() {
    if let Some(run) = fails(&HarmedSide::Source, Harm::Silence(WITHIN), "Command Timeout=1") {
        run.says("silent for 1 s");
    }
}

#[test]
fn a_target_that_hangs_up_during_the_load() {
    fails(&HarmedSide::Target, Harm::HangUp(WITHIN), "");
}

#[test]
fn a_target_that_falls_silent_during_the_load() {
    if let Some(run) = fails(&HarmedSide::Target, Harm::Silence(WITHIN), "Command Timeout=1") {
        run.says("silent for 1 s");
    }
}

/// The server goes on to hold the table for a client that it cannot know to be gone.
fn black_hole(lasts: Duration) -> Harm {
    Harm::BlackHole(WITHIN, lasts)
}

#[test]
fn what_a_black_hole_leaves_at_the_target_is_ended() {
    let Some(pair) = stage() else { return };
    let hole = black_hole(Duration::from_secs(3600));
    let (proxy, program) = harmed(&pair, &HarmedSide::Target, hole, 1, "Command Timeout=2");
    let run = program.run(&["dbo.t"]).exits(0).says("silent for 2 s").says("has left behind");
    assert!(proxy.has_struck(Duration::ZERO), "no harm was done\n{run}");
    assert!(run.stderr.contains("is ended"), "{run}");
    pair.assert_equal("SELECT id, name FROM dbo.t ORDER BY id");
}

/// A login that may neither see nor end other sessions waits until the server has found out.
#[test]
fn what_a_black_hole_leaves_at_the_target_is_waited_for() {
    let Some(pair) = stage() else { return };
    let login = pair.target.name.clone();
    pair.server.client("master").batch(&format!("CREATE LOGIN [{login}] WITH PASSWORD = 'Secret-4711'"));
    pair.target(&format!(
        "CREATE USER [{login}] FOR LOGIN [{login}]; ALTER ROLE db_owner ADD MEMBER [{login}]"
    ));
    // Longer than a run waits for one that it knows nothing of.
    let hole = black_hole(Duration::from_secs(9));
    let more = format!("Command Timeout=2;User Id={login};Password=Secret-4711");
    let (proxy, program) = harmed(&pair, &HarmedSide::Target, hole, 1, &more);
    let run = program.run(&["dbo.t"]).exits(0).says("waits for its end");
    assert!(proxy.has_struck(Duration::ZERO), "no harm was done\n{run}");
    assert!(!run.stderr.contains("is ended"), "{run}");
    pair.assert_equal("SELECT id, name FROM dbo.t ORDER BY id");
}

/// Under TLS a bit that is turned over on the way ends the connection, whatever it belonged to.
#[test]
fn a_broken_tls_record_is_a_lost_connection() {
    let Some(pair) = stage() else { return };
    for (variable, database, from, after) in [
        ("REPLICA_SOURCE", &pair.source, From::Server, 12_000),
        ("REPLICA_TARGET", &pair.target, From::Client, 12_000),
        ("REPLICA_TARGET", &pair.target, From::Server, 4_000),
    ] {
        pair.target("DELETE FROM dbo.t");
        let server = Endpoint::from_connection_string(&database.connection).unwrap();
        let blow = Blow { from, after, trouble: Trouble::Flip };
        let host = (server.host.clone(), server.port_or_default());
        let way = RoughWay::to(host, move |struck| (struck == 0).then_some(blow)).unwrap();
        let program = Program::new(BINARY).between(&pair).with(variable, &way.through(&database.connection));
        let run = program.run(&["dbo.t"]).exits(0).says("retry 1");
        assert!(way.struck() > 0, "{run}");
        pair.assert_equal("SELECT id, name FROM dbo.t ORDER BY id");
    }
}

/// A number in the middle of the rows that comes as another one: the first time, and not the second.
#[test]
fn a_source_that_is_read_twice_has_to_say_the_same() {
    let turned = |times| {
        let pair = stage()?;
        let mut other = needle();
        *other.last_mut().unwrap() ^= 1;
        let (proxy, program) = harmed(&pair, &HarmedSide::Source, Harm::Replace(other), times, "");
        Some((pair, proxy, program))
    };
    let Some((pair, _proxy, program)) = turned(ALWAYS) else { return };
    program.run(&["dbo.t", "--verify", "hash"]).exits(0);
    let rows = |pair: &Pair| {
        pair.target.client().number(&format!("SELECT COUNT(*) FROM dbo.t WHERE name = N'{NEEDLE}'"))
    };
    assert_eq!(rows(&pair), 0, "the hash is of what came");
    let Some((pair, proxy, program)) = turned(1) else { return };
    let run = program
        .run(&["dbo.t", "--verify", "source"])
        .exits(0)
        .says("when they were read again")
        .says("retry 1");
    assert!(proxy.has_struck(Duration::ZERO), "no harm was done\n{run}");
    pair.assert_equal("SELECT id, name FROM dbo.t ORDER BY id");
}

#[test]
fn a_signal_in_the_middle() {
    for (side, signal, code) in [
        (HarmedSide::Source, "INT", 130),
        (HarmedSide::Target, "INT", 130),
        (HarmedSide::Source, "TERM", 143),
    ] {
        let Some(pair) = stage() else { return };
        let (proxy, program) = harmed(&pair, &side, Harm::Silence(WITHIN), ALWAYS, "");
        let running = program.start(&["dbo.t"]);
        let struck = proxy.has_struck(Duration::from_secs(60));
        running.signal(signal);
        if !struck {
            panic!("the rows do not pass the proxy\n{}", running.finish());
        }
        running.finish().exits(code).says(&format!("stopped by SIG{signal}"));
        assert_as_it_was(&pair);
    }
}
