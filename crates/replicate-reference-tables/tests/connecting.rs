//! What a user meets who cannot connect: exit code 2 or 3, one clear line, in time, and no password in it.
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use replica_testkit::{Pair, Program, ProgramExit, Server};

const BINARY: &str = env!("CARGO_BIN_EXE_replicate-reference-tables");
const PASSWORD: &str = "hunter2-hunter2";

/// Runs with this server as source and target.
fn run_on(connection: &str) -> ProgramExit {
    let run = Program::new(BINARY)
        .with("REPLICA_SOURCE", connection)
        .with("REPLICA_TARGET", connection)
        .run(&["dbo.t"]);
    assert!(!run.to_string().contains(PASSWORD), "the password is shown\n{run}");
    run
}

fn login(port: u16) -> String {
    format!("Server=127.0.0.1,{port};User Id=sa;Password={PASSWORD};Connect Timeout=2;ConnectRetryCount=0")
}

/// One line on stderr says what is wrong.
#[track_caller]
fn one_error(run: &ProgramExit) {
    assert_eq!(run.stderr.lines().count(), 1, "{run}");
    assert_eq!(run.stdout, "", "{run}");
}

/// The authorities come out of a pipe that is gone as soon as somebody has read it.
#[cfg(unix)]
#[test]
fn the_systems_authorities_are_read_once_for_all_logins() {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (a int NOT NULL); CREATE TABLE dbo.u (a int NOT NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1); INSERT INTO dbo.u VALUES (2)");
    let (_, authority) = pair.server.place();
    let authority = std::fs::read(authority).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("authorities.pem");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let by_system = |database: &str| {
        let connection = pair.server.connection(database);
        let parts = connection.split(';').filter(|part| !part.contains("Certificate="));
        parts.chain(["Encrypt=true"]).collect::<Vec<_>>().join(";")
    };
    let running = Program::new(BINARY)
        .with("REPLICA_SOURCE", &by_system(&pair.source.name))
        .with("REPLICA_TARGET", &by_system(&pair.target.name))
        .with("SSL_CERT_FILE", pipe.to_str().unwrap())
        .start(&["dbo.t", "dbo.u"]);
    let mut writer = std::fs::File::options().write(true).open(&pipe).unwrap();
    std::fs::remove_file(&pipe).unwrap();
    writer.write_all(&authority).unwrap();
    drop(writer);
    running.finish().exits(0);
    pair.assert_equal("SELECT a FROM dbo.t UNION ALL SELECT a FROM dbo.u ORDER BY a");
}

#[test]
fn no_connection_string() {
    let run =
        Program::new(BINARY).run(&["dbo.t"]).exits(2).says("REPLICA_SOURCE").says("[source] in replica.toml");
    one_error(&run);
    let run = Program::new(BINARY)
        .with("REPLICA_SOURCE", &login(1))
        .run(&["dbo.t"])
        .exits(2)
        .says("REPLICA_TARGET");
    one_error(&run);
}

#[test]
fn a_connection_string_that_makes_no_sense() {
    let run =
        run_on(&format!("Server=h;User Id=u;Password={PASSWORD};Encypt=true")).exits(2).says("'Encypt'");
    one_error(&run);
    run_on(&format!("Server=h;User Id=u;Password='{PASSWORD}")).exits(2).says("closing quote");
    // Braces are ODBC's: here the password ends at the semicolon.
    one_error(
        &run_on(&format!("Server=h;User Id=u;Password={{a;{PASSWORD}=b}}")).exits(2).says("double quotes"),
    );
    run_on(&format!("Server=h;User Id=CORP\\u;Password={PASSWORD}")).exits(2).says("NTLM");
}

#[test]
fn a_configuration_that_makes_no_sense() {
    let toml = format!("[source]\nserver = 'h'\nuser = 'u'\npasword = '{PASSWORD}'\n");
    let run = Program::new(BINARY).file("replica.toml", &toml).run(&["dbo.t"]).exits(2);
    let run = run.says("replica.toml: line 4").says("`pasword`");
    assert!(!run.to_string().contains(PASSWORD), "{run}");
    one_error(&run);
    let toml = "[tables.'a.b.c']\nchunk_size = 1\n";
    one_error(
        &Program::new(BINARY).file("replica.toml", toml).run(&["dbo.t"]).exits(2).says("is not a table name"),
    );
    Program::new(BINARY).run(&["dbo.t", "--config", "elsewhere.toml"]).exits(2).says("elsewhere.toml");
}

#[test]
fn a_host_that_does_not_answer() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = run_on(&login(free.port())).exits(3).says(" 127.0.0.1,").says("cannot connect");
    one_error(&run);
    let run =
        run_on(&format!("Server=nowhere.invalid;User Id=u;Password={PASSWORD};ConnectRetryCount=0")).exits(3);
    one_error(&run.says("nowhere.invalid"));
}

#[test]
fn a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let run = run_on(&login(listener.local_addr().unwrap().port())).exits(3).says("no connection within 2 s");
    one_error(&run);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_server_that_speaks_something_else() {
    for banner in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                // Whatever is asked, this is the answer; the client may be gone by then.
                let _ = client.read(&mut [0; 4096]);
                let _ = client.write_all(banner);
            }
        });
        one_error(&run_on(&login(port)).exits(3).says("does not speak TDS"));
    }
}

#[test]
fn a_wrong_password() {
    let server = Server::start();
    let run = run_on(&server.connection_as("master", "sa", PASSWORD)).exits(3);
    one_error(&run.says("18456").says("'sa'").says("Check User Id and Password"));
}

#[test]
fn a_certificate_that_nobody_vouches_for() {
    let server = Server::sandbox();
    let connection = format!("{};TrustServerCertificate=false", server.connection("master"));
    let run = run_on(&connection).exits(3).says("certificate is not trusted").says("ServerCertificate=");
    one_error(&run);
    let strict = format!("{};Encrypt=strict", server.connection("master"));
    one_error(
        &run_on(&strict)
            .exits(3)
            .says("certificate is not trusted")
            .says("does not count under Encrypt=strict"),
    );
}

#[test]
fn a_target_that_does_not_answer() {
    let server = Server::start();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = Program::new(BINARY)
        .with("REPLICA_SOURCE", &server.connection("master"))
        .with("REPLICA_TARGET", &login(free.port()))
        .run(&["dbo.t"])
        .exits(3);
    one_error(&run.says("target 127.0.0.1,").says("cannot connect"));
}

#[test]
fn no_log_level_shows_a_password() {
    let server = Server::start();
    for more in ["", ";Encrypt=false"] {
        let connection = format!("{}{more}", server.connection_as("master", "sa", PASSWORD));
        let run = Program::new(BINARY)
            .with("REPLICA_SOURCE", &connection)
            .with("REPLICA_TARGET", &connection)
            .with("RUST_LOG", "trace")
            .run(&["dbo.t"])
            .exits(3);
        assert!(run.stderr.lines().count() > 1, "nothing is logged\n{run}");
        assert!(!run.to_string().contains(PASSWORD), "{run}");
    }
}

/// Who leaves the rows to whoever is on the way hears of it, once for each side however many tables there are.
#[test]
fn rows_that_are_not_encrypted_are_warned_of_once_for_each_side() {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (a int NOT NULL); CREATE TABLE dbo.u (a int NOT NULL)");
    let warnings = |source: &str, target: &str| {
        let run = Program::new(BINARY)
            .with("REPLICA_SOURCE", &format!("{}{source}", pair.source.connection))
            .with("REPLICA_TARGET", &format!("{}{target}", pair.target.connection))
            .run(&["dbo.t", "dbo.u", "--allow-shrink"])
            .exits(0);
        let of = |side: &str| {
            let told =
                |line: &&str| line.contains("WARN") && line.contains(side) && line.contains("not encrypted");
            run.stderr.lines().filter(told).count()
        };
        (of("source"), of("target"))
    };
    let plain = ";Encrypt=false";
    assert_eq!(warnings(plain, plain), (1, 1));
    assert_eq!(warnings("", plain), (0, 1));
    assert_eq!(warnings("", ""), (0, 0));
}

/// It is not read to the end of memory.
#[cfg(target_os = "linux")]
#[test]
fn a_certificate_without_end() {
    let server = Server::sandbox();
    let connection = server.connection("master");
    let run = run_on(&format!(
        "{connection};ServerCertificate=/dev/zero;TrustServerCertificate=false;Encrypt=true"
    ));
    run.exits(2).says("ServerCertificate /dev/zero: it has more than 16 MiB");
}
