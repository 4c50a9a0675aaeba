use super::*;
use crate::config::{Credential, Encrypt, TokenSource};

fn parse(text: &str) -> Result<Config> {
    parse_in(Path::new("/nowhere"), text)
}

fn parse_in(folder: &Path, text: &str) -> Result<Config> {
    let folder = ConfigFolder { of_file: folder.to_owned(), current: "/elsewhere".into() };
    Config::parse(text, &folder, &|name| {
        matches!(name, "PW" | "LOADER_PASSWORD").then(|| "from-env".to_owned())
    })
}

fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn fields_and_tables() {
    let config = parse(
        "reference_tables = ['dbo.A', 'B']\n[source]\nserver = 'h,1500'\ndatabase = 'd'\nuser = 'u'\n\
             password = 'p'\nencrypt = false\nconnect_timeout = 3\n[tables.'dbo.A']\nchunk_size = 7\n\
             [date_filter_columns]\n'dbo.S' = 'DAY'\n",
    )
    .unwrap();
    let source = config.source().unwrap();
    assert_eq!((source.host.as_str(), source.port, source.encrypt), ("h", Some(1500), Encrypt::Optional));
    assert_eq!((source.password.expose(), source.connect_timeout.as_secs()), ("p", 3));
    assert_eq!(config.reference_tables, ["dbo.A", "B"]);
    assert_eq!(config.tables["dbo.A"].chunk_size, Some(7));
    assert_eq!(config.date_filter_columns["dbo.S"], "DAY");
}

#[test]
fn what_may_be_lost() {
    let config = parse(
        "[etl]\nallow_shrink = 80\n[tables.a]\nallow_shrink = true\nfill_missing_columns = true\n\
             allow_row_filters = true\nallow_cascade = true\napply = 'difference'\n[tables.b]\nallow_shrink = false\n",
    )
    .unwrap();
    assert_eq!((config.tables["a"].apply, config.tables["b"].apply), (Some(Apply::Difference), None));
    assert_eq!(config.etl.allow_shrink, Shrink::percent(80).ok());
    let all =
        Allowance { fill_missing_columns: true, shrink: Some(Shrink::ANY), row_filters: true, cascade: true };
    assert_eq!(config.tables["a"].allowance(), all);
    assert_eq!(config.tables["b"].allowance().shrink, Some(Shrink::default()));
    assert_eq!(TableSettings::default().allowance(), Allowance::default());
}

#[test]
fn the_example_in_the_docs_is_read() {
    let page = include_str!("../../../../../docs/CONNECTING.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    // Any file will do for a secret.
    let example = example.replace("/run/secrets/reader", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let config = parse(&example).unwrap();
    assert_eq!(config.target().unwrap().encrypt, Encrypt::Strict);
    assert_eq!(config.source().unwrap().user, "reader");
    assert_eq!(config.date_filter_columns["dbo.Sales"], "SALE_DATE");
}

#[test]
fn the_packages_example_is_read() {
    let folder = tempfile::TempDir::new().unwrap();
    for file in ["reader.password", "loader.password"] {
        std::fs::write(folder.path().join(file), "p").unwrap();
    }
    let config = parse_in(folder.path(), include_str!("../../../../../docs/deploy/replica.toml")).unwrap();
    assert_eq!(config.source().unwrap().user, "replica_reader");
    assert_eq!(config.date_filter_columns["dbo.Sales"], "SALE_DATE");
}

#[test]
fn the_runs_example_in_the_docs_is_read() {
    let page = include_str!("../../../../../docs/ETL.md");
    let example = page.split("```toml replica.toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let config = parse(example.unwrap()).unwrap();
    assert_eq!(config.date_tables, ["dbo.flights", "dbo.weather"]);
    assert_eq!(config.groups["schedule"], ["dbo.flights", "dbo.planes"]);
    let flights = &config.tables["dbo.flights"];
    assert_eq!((flights.max_workers, flights.look_back_days), (Some(2), Some(3)));
    let etl = config.etl;
    assert_eq!((etl.max_workers, etl.look_back_days), (Some(4), 2));
    assert_eq!(etl.time_zone.as_deref(), Some("America/New_York"));
    assert_eq!(etl.verify.as_deref(), Some("hash"));
    assert!(etl.record_dir.is_some() && etl.prometheus_file.is_some());
}

#[test]
fn a_password_may_come_from_elsewhere() {
    let config = parse("[target]\nconnection_string = 'Server=h;UID=u'\npassword_env = 'PW'\n").unwrap();
    assert_eq!(config.target().unwrap().password.expose(), "from-env");

    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("word"), "from-file\r\n").unwrap();
    let config = parse_in(folder.path(), "[target]\nserver='h'\nuser='u'\npassword_file = 'word'\n");
    assert_eq!(config.unwrap().target().unwrap().password.expose(), "from-file");
}

#[test]
fn a_password_in_the_wrong_place_is_not_repeated() {
    for key in ["password_env", "password_file", "encrypt", "passwort"] {
        let message = error(&format!("[source]\nserver='h'\nuser='u'\n{key}='hunter2'"));
        assert!(message.contains(key) && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_token_from_outside() {
    let credential = |keys: &str| {
        let text = format!("[source]\nserver = 'h'\n{keys}\n");
        parse_in(Path::new("/etc/replica"), &text).map(|config| config.source().unwrap().credential.clone())
    };
    let of = |source| Credential::Entra(source);
    assert_eq!(
        credential("access_token_file = 't'").unwrap(),
        of(TokenSource::File("/etc/replica/t".into()))
    );
    let command =
        |words: &[&str]| of(TokenSource::Command(words.iter().map(|word| (*word).to_owned()).collect()));
    assert_eq!(credential("access_token_command = ['az', 'a b']").unwrap(), command(&["az", "a b"]));
    assert_eq!(credential("access_token_command = ['./give']").unwrap(), command(&["/etc/replica/./give"]));
    for (keys, why) in [
        ("access_token_file = 't'\nuser = 'u'", "beside a token"),
        ("access_token_file = 't'\nauthentication = 'Active Directory Default'", "beside a token"),
        ("access_token_file = 't'\naccess_token_command = ['az']", "Keep one"),
        ("access_token_command = []", "is empty"),
        ("access_token_file = 't'\nencrypt = false", "under TLS only"),
    ] {
        let message = credential(keys).unwrap_err().to_string();
        assert!(message.contains(why), "{keys}: {message}");
    }
}

#[test]
fn paths_count_from_the_files_folder() {
    let config = parse_in(
        Path::new("/etc/replica"),
        "[etl]\nrecord_dir = 'runs'\nprometheus_file = '/var/p.prom'\n\
             [source]\nconnection_string = 'Server=h;UID=u;ServerCertificate=a.pem'\n\
             [target]\nserver = 'h'\nintegrated_security = true\nserver_certificate = 'certs/b.pem'\n\
             keytab_file = 'etl.keytab'\nprincipal = 'etl'\nserver_spn = 'MSSQLSvc/h'\n",
    )
    .unwrap();
    let certificate = |side: Result<&Endpoint>| side.unwrap().server_certificate.clone();
    assert_eq!(config.etl.record_dir, Some("/etc/replica/runs".into()));
    assert_eq!(config.etl.prometheus_file, Some("/var/p.prom".into()));
    assert_eq!(certificate(config.source()), Some("/etc/replica/a.pem".into()));
    assert_eq!(certificate(config.target()), Some("/etc/replica/certs/b.pem".into()));
    let kerberos = &config.target().unwrap().kerberos;
    assert_eq!(kerberos.keytab_file, Some("/etc/replica/etl.keytab".into()));
    assert_eq!(
        (kerberos.principal.as_deref(), kerberos.server_spn.as_deref()),
        (Some("etl"), Some("MSSQLSvc/h"))
    );
}

#[test]
fn mistakes_name_key_and_line() {
    let text = "[source]\nserver = 'h'\npasword = 'secret'\n";
    let message = error(text);
    assert!(
        message.contains("line 3") && message.contains("`pasword`") && !message.contains("secret"),
        "{message}"
    );
    assert!(error("[tables.x]\nchunksize = 1\n").contains("`chunksize`"));
    assert!(error("[tables.'a.b.c']\nchunk_size = 1\n").contains("\"a.b.c\" is not a table name"));
    assert!(error("[date_filter_columns]\n'a.b.c' = 'd'\n").contains("is not a table name"));
    assert!(error("[tables.x]\ncommit_interval = 0\n").contains("at least 1"));
    assert!(error("[etl]\nlook_back = 1\n").contains("`look_back`"));
    assert!(error("[etl]\nallow_shrink = 101\n").contains("0 to 100"));
    assert!(error("[tables.x]\nallow_shrink = 'all'\n").contains("true, false or a number"));
    assert!(error("reference_table = []").contains("`reference_table`"));
    let message = error("[source]\nserver = 'h'\nuser = 'u'\npassword = 20202\n");
    assert!(message.contains("line 4") && !message.contains("20202"), "{message}");
    let message = error("[source]\npassword = 'secret\n");
    assert!(message.contains("line 2") && !message.contains("secret"), "{message}");
    assert!(error("[source]\nserver='h'\nuser='u'\npassword='a'\npassword_env='PW'").contains("Keep one"));
}

#[test]
fn what_is_missing_is_said_with_both_ways_out() {
    let message = parse("").unwrap().target().expect_err("no target").to_string();
    assert!(message.contains("REPLICA_TARGET") && message.contains("[target]"), "{message}");
}
