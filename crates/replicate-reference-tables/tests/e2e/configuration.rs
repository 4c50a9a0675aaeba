//! Where the configuration is found, and what paths in it mean.
use replica_core::config::Endpoint;
use replica_testkit::{Pair, Program};

use crate::util::{PASSWORD, User, ids};

/// Both sides of the pair as the two sections of a file, whose password lies in a file beside it.
fn sections(pair: &Pair, user: &User) -> String {
    let side = |name: &str, database: &str| {
        let connection = pair.server.connection_as(database, &user.name, "");
        format!("[{name}]\nconnection_string = '{connection}'\npassword_file = 'word'\n")
    };
    side("source", &pair.source.name) + &side("target", &pair.target.name)
}

fn tool() -> Program {
    Program::new(env!("CARGO_BIN_EXE_replicate-reference-tables"))
}

#[test]
fn the_file_may_lie_in_several_places_and_its_paths_beside_it() {
    let pair = Pair::new();
    let Some(user) = User::of(&pair) else { return };
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY)");
    pair.source("INSERT INTO dbo.t VALUES (1), (2)");
    pair.source(&format!("GRANT SELECT ON dbo.t TO [{}]", user.name));
    pair.target(&format!("GRANT SELECT, INSERT, ALTER ON dbo.t TO [{}]", user.name));
    let home = tempfile::TempDir::new().unwrap();
    let folder = home.path().join("replica");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("word"), PASSWORD).unwrap();
    let file = folder.join("replica.toml");
    std::fs::write(&file, sections(&pair, &user)).unwrap();
    let home = home.path().to_str().unwrap();
    let file = file.to_str().unwrap();

    let by_option = tool().run(&["t", "--config", file]).exits(0);
    assert!(!by_option.stderr.contains("the configuration is"), "{by_option}");
    tool().with("REPLICA_CONFIG", file).run(&["t"]).exits(0);
    tool().with("XDG_CONFIG_HOME", home).run(&["t"]).exits(0).says(&format!("the configuration is {file}"));
    assert_eq!(ids(&mut pair.target.client()), [1, 2]);

    // A name is a wish: another file is no substitute.
    let missing = tool().with("XDG_CONFIG_HOME", home).with("REPLICA_CONFIG", "/nowhere.toml");
    missing.run(&["t"]).exits(2).says("/nowhere.toml");
    // Where the password was before, it is read no longer, and that is said.
    let moved = tool().file("word", "another");
    moved.run(&["t", "--config", file]).exits(0).says("[source] password_file is relative").says("WARN");
    tool().run(&["t"]).exits(2).says("REPLICA_CONFIG").says("/etc/replica");
}

#[test]
fn every_form_of_a_connection_string_connects() {
    let pair = Pair::new();
    let Some(user) = User::of(&pair) else { return };
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY)");
    pair.source(&format!("GRANT SELECT ON dbo.t TO [{}]", user.name));
    pair.target(&format!("GRANT SELECT, INSERT, ALTER ON dbo.t TO [{}]", user.name));
    let forms = |database: &str| {
        let known = pair.server.connection_as(database, &user.name, PASSWORD);
        let known = Endpoint::from_connection_string(&known).unwrap();
        let host = &known.host;
        let port = known.port_or_default();
        let trust = known.trust_server_certificate;
        let certificate = |keyword: &str, between: &str| {
            let file = known.server_certificate.as_ref().map(|file| file.display());
            file.map(|file| format!("{between}{keyword}={file}")).unwrap_or_default()
        };
        [
            format!(
                "Driver={{ODBC Driver 18 for SQL Server}};Server=tcp:{host},{port};Database={database};UID={};\
                 PWD={{{PASSWORD}}};TrustServerCertificate={trust}{};MARS_Connection=yes",
                user.name,
                certificate("ServerCertificate", ";")
            ),
            format!(
                "jdbc:sqlserver://{host}:{port};databaseName={database};user={};password={{{PASSWORD}}};\
                 trustServerCertificate={trust}{};selectMethod=cursor",
                user.name,
                certificate("serverCertificate", ";")
            ),
            format!(
                "sqlserver://{}:{PASSWORD}@{host}:{port}?database={database}&TrustServerCertificate={trust}{}&pooling=true",
                user.name,
                certificate("certificate", "&")
            ),
        ]
    };
    let strings = forms(&pair.source.name).into_iter().zip(forms(&pair.target.name));
    for (number, (source, target)) in strings.enumerate() {
        pair.source(&format!("INSERT INTO dbo.t VALUES ({number})"));
        let run = tool().with("REPLICA_SOURCE", &source).with("REPLICA_TARGET", &target).run(&["t"]).exits(0);
        assert_eq!(run.stderr.matches("have no effect").count(), 2, "once for each side\n{run}");
        assert!(!run.to_string().contains(PASSWORD), "{run}");
        pair.assert_equal("SELECT * FROM dbo.t");
    }
}
