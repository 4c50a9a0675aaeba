use super::*;

fn parse(text: &str) -> Endpoint {
    Endpoint::from_connection_string(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn error(text: &str) -> String {
    let error = Endpoint::from_connection_string(text).expect_err(text);
    assert_eq!(error.exit_code(), crate::exit::Code::Usage);
    error.to_string()
}

#[test]
fn every_synonym_means_the_same() {
    for server in ["Server", "data source", "DataSource", "Address", "Addr", "Network Address"] {
        for (user, password) in
            [("User Id", "Password"), ("UID", "PWD"), ("user", "pwd"), ("UserID", "Password")]
        {
            for database in ["Database", "Initial Catalog", "InitialCatalog"] {
                let e = parse(&format!("{server}=h,1444;{user}=u;{password}=p;{database}=d"));
                assert_eq!((e.host.as_str(), e.port, e.user.as_str()), ("h", Some(1444), "u"));
                assert_eq!((e.password.expose(), e.database.as_deref()), ("p", Some("d")));
            }
        }
    }
}

#[test]
fn encryption_is_on_and_checked_unless_said_otherwise() {
    let e = parse("Server=h;UID=u;PWD=p");
    assert_eq!((e.encrypt, e.trust_server_certificate), (Encrypt::Mandatory, false));
    for (value, meaning) in [
        ("true", Encrypt::Mandatory),
        ("Yes", Encrypt::Mandatory),
        ("Mandatory", Encrypt::Mandatory),
        ("false", Encrypt::Optional),
        ("no", Encrypt::Optional),
        ("optional", Encrypt::Optional),
        ("Strict", Encrypt::Strict),
    ] {
        assert_eq!(parse(&format!("Server=h;UID=u;PWD=p;Encrypt={value}")).encrypt, meaning, "{value}");
    }
}

#[test]
fn the_rest_of_the_keywords() {
    let e = parse(
        "Server=h;UID=u;PWD=p;TrustServerCertificate=true;HostNameInCertificate=n;ServerCertificate=/c.pem;\
             Application Name=a;ApplicationIntent=ReadOnly;Database=d;Connect Timeout=3;Command Timeout=9;Packet Size=8000;\
             MultiSubnetFailover=yes;Pooling=false;MultipleActiveResultSets=false;Persist Security Info=false;\
             Workstation ID=w;Integrated Security=false",
    );
    assert!(e.trust_server_certificate && e.multi_subnet_failover);
    assert_eq!(e.certificate_name(), "n");
    assert_eq!(e.server_certificate, Some(PathBuf::from("/c.pem")));
    assert_eq!((e.application_name.as_str(), e.workstation_id.as_deref()), ("a", Some("w")));
    assert_eq!(e.application_intent, ApplicationIntent::ReadOnly);
    assert_eq!((e.connect_timeout.as_secs(), e.command_timeout), (3, Some(Duration::from_secs(9))));
    assert_eq!(e.packet_size, 8000);
    assert_eq!(parse("Server=h;UID=u;PWD=p;Packet Size=32768").packet_size, 32767);
    assert_eq!(parse("Server=h;UID=u;PWD=p;Packet Size=").packet_size, 32767);
}

#[test]
fn retries_are_counted_if_the_string_says_so() {
    let retry = |more: &str| parse(&format!("Server=h;UID=u;PWD=p;{more}")).connect_retry;
    assert_eq!(retry(""), ConnectRetry::default());
    let count = Some(3);
    let interval = Some(Duration::from_secs(20));
    assert_eq!(retry("ConnectRetryCount=3;Connect Retry Interval=20"), ConnectRetry { count, interval });
    assert_eq!(retry("ConnectRetryCount=0").count, Some(0));
    assert!(error("Server=h;UID=u;PWD=p;ConnectRetryCount=256").contains("0 to 255"));
    assert!(error("Server=h;UID=u;PWD=p;ConnectRetryInterval=0").contains("1 to 60"));
}

#[test]
fn what_cannot_be_done_is_said() {
    assert!(
        error("Server=h;UID=u;PWD=p;Pakcet Size=1").contains("'Pakcet Size'. Did you mean 'Packet Size'?")
    );
    assert!(error("Server=h;UID=u;PWD=p;Packet Size=511").contains("512 to 32768"));
    assert!(
        error("Server=h;Authentication=Active Directory Password;UID=u;PWD=p").contains("Service Principal")
    );
    assert!(error("UID=u;PWD=p").contains("Server="));
    assert!(error("Server=h").contains("User Id"));
}

#[test]
fn a_readable_secondary_is_a_databases() {
    assert!(error("Server=h;UID=u;PWD=p;ApplicationIntent=ReadOnly").contains("needs a Database"));
    let endpoint = parse("Server=h;UID=u;PWD=p;ApplicationIntent=ReadOnly;Database=d");
    assert_eq!(endpoint.application_intent, ApplicationIntent::ReadOnly);
}

#[test]
fn logins_by_token() {
    let source = |text: &str| match parse(text).credential {
        Credential::Entra(source) => source,
        other => panic!("{text}: {other:?}"),
    };
    // The keywords may come in any order.
    let application = "UID=app@t;PWD=p;Server=h;Authentication=ActiveDirectoryServicePrincipal";
    assert_eq!(source(application), TokenSource::ServicePrincipal);
    assert_eq!(source("Server=h;Authentication=Active Directory MSI"), TokenSource::ManagedIdentity);
    assert_eq!(source("sqlserver://h?fedauth=ActiveDirectoryDefault"), TokenSource::Default);
    let odbc = "Driver={ODBC Driver 18 for SQL Server};Server=h;Authentication=ActiveDirectoryMsi;UID=app";
    assert_eq!(source(odbc), TokenSource::ManagedIdentity);
    for (more, why) in [
        ("Service Principal;UID=app@t", "Password"),
        ("Service Principal;PWD=p", "User Id"),
        ("Managed Identity;UID=app;PWD=p", "no Password"),
        ("Default;Encrypt=false", "TLS"),
    ] {
        let message = error(&format!("Server=h;Authentication=Active Directory {more}"));
        assert!(message.contains(why), "{more}: {message}");
    }
}

#[test]
fn windows_logins_are_by_kerberos() {
    for text in [
        "Server=h;Integrated Security=true",
        "Server=h;IntegratedSecurity=SSPI",
        "Server=h;Trusted_Connection=yes;Encrypt=false",
        "Server=h;Authentication=Active Directory Integrated",
        "Driver={ODBC Driver 18 for SQL Server};Server=h;Trusted_Connection=Yes",
        "Driver={ODBC Driver 18 for SQL Server};Server=h;Authentication=ActiveDirectoryIntegrated",
        "jdbc:sqlserver://h;integratedSecurity=true;authenticationScheme=JavaKerberos",
        "sqlserver://h?authenticator=krb5",
        "sqlserver://h?trusted_connection=yes",
    ] {
        let e = parse(text);
        assert_eq!((e.credential, e.kerberos), (Credential::Kerberos, Kerberos::default()), "{text}");
    }
    let settings = Kerberos {
        server_spn: Some("MSSQLSvc/h.example:1433".into()),
        keytab_file: Some("/k".into()),
        principal: Some("etl@EXAMPLE".into()),
    };
    let spn = "ServerSPN=MSSQLSvc/h.example:1433;KeytabFile=/k;Principal=etl@EXAMPLE";
    assert_eq!(parse(&format!("Server=h;{spn};Integrated Security=true")).kerberos, settings);
    let url = "sqlserver://h?authenticator=krb5&ServerSPN=MSSQLSvc%2Fh.example%3A1433&krb5-keytabfile=%2Fk";
    assert_eq!(parse(url).kerberos, Kerberos { principal: None, ..settings });
    // Drivers pass over the user, too.
    assert_eq!(parse("Server=h;UID=u;PWD=p;Trusted_Connection=yes").without_effect, ["User Id"]);
    assert_eq!(parse("Server=h;UID=u;PWD=p;ServerSPN=x").without_effect, ["ServerSPN"]);
    assert!(error("Server=h;UID=u;PWD=p;KeytabFile=/k").contains("Integrated Security=true"));
    assert!(
        error("Server=h;Integrated Security=true;Authentication=Active Directory Default").contains("beside")
    );
    assert!(error("Server=h;Authentication=ActiveDirectoryMsi;Trusted_Connection=yes").contains("beside"));
}

#[test]
fn of_two_the_last_counts() {
    for (text, credential) in [
        ("Integrated Security=true;Integrated Security=false", Credential::SqlPassword),
        ("Integrated Security=true;Trusted_Connection=no", Credential::SqlPassword),
        ("Trusted_Connection=no;Integrated Security=SSPI", Credential::Kerberos),
        // It says nothing about the other keyword.
        ("Authentication=ActiveDirectoryIntegrated;Trusted_Connection=no", Credential::Kerberos),
        ("Authentication=ActiveDirectoryMsi;Authentication=NotSpecified", Credential::SqlPassword),
    ] {
        assert_eq!(parse(&format!("Server=h;UID=u;PWD=p;{text}")).credential, credential, "{text}");
    }
    let e = parse("Server=a,1;UID=a;PWD=a;Server=h,2;User Id=u;Password=p;Database=c;Initial Catalog=d");
    assert_eq!((e.host.as_str(), e.port, e.user.as_str()), ("h", Some(2), "u"));
    assert_eq!((e.password.expose(), e.database.as_deref()), ("p", Some("d")));
}

#[test]
fn ntlm_is_refused_with_the_ways_that_work() {
    for text in [
        r"Server=h;UID=CORP\u;PWD=p",
        r"sqlserver://CORP%5Cu:p@h",
        "jdbc:sqlserver://h;integratedSecurity=true;authenticationScheme=NTLM;user=u;password=p",
        "sqlserver://u:p@h?authenticator=ntlm",
    ] {
        let message = error(text);
        for part in ["NTLM", "relayed", "Integrated Security=true", "User Id and Password"] {
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}

#[test]
fn secrets_do_not_show() {
    let e = parse("Server=h;UID=u;PWD=hunter2");
    assert!(!format!("{e:?} {e}").contains("hunter2"));
    // A password with an unquoted semicolon makes its tail look like a keyword, but not like a value.
    assert!(!error("Server=h;UID=u;Encrypt=hunter2").contains("hunter2"));
    let message = error("Server=h;UID=u;PWD={a;hunter2=}");
    assert!(message.contains("double quotes") && !message.contains("hunter2"), "{message}");
    // Letters alone look like a keyword, too.
    let message = error("Server=h;UID=u;PWD=a;hunter=two");
    assert!(message.contains("double quotes") && !message.contains("hunter"), "{message}");
}

#[test]
fn a_password_behind_a_forgotten_semicolon_does_not_show() {
    for text in [
        "Server=h Password=hunter2;UID=u",
        "Server=h;Database=d Password=hunter2;UID=u",
        "Server=h;Database=d;UID=u, pwd = hunter2",
        "Server=h;UID=u;PWD=p;Application Name=a\nPassword=hunter2",
        "Server=h;UID=u;PWD=p;hunter2=1 Password=x",
        "Server=h\\i hunter2;UID=u;PWD=p",
        "Server=u:hunter2@h:1433;Database=d",
        "jdbc:sqlserver://u:hunter2@h:1433;databaseName=d;user=u;password=p",
        "sqlserver://h?user=u;password=hunter2&database=d",
    ] {
        assert!(!error(text).contains("hunter2"), "{}", error(text));
    }
    // What is a password's own, and what only looks like one.
    for password in ["a Password=b", "pwd=", "x;Password=y"] {
        assert_eq!(parse(&format!("Server=h;UID=u;PWD=\"{password}\"")).password.expose(), password);
    }
    assert_eq!(
        parse("Server=h;UID=u;PWD=p;Application Name=password reset a=b").application_name,
        "password reset a=b"
    );
}

#[test]
fn what_has_no_effect_is_noted() {
    let noted = |more: &str| parse(&format!("Server=h;UID=u;PWD=p;{more}")).without_effect;
    assert_eq!(noted("Failover Partner=m;Pooling=true"), ["Failover Partner", "Pooling"]);
    assert_eq!(noted("Column Encryption Setting=Enabled"), ["Column Encryption Setting"]);
    assert!(noted("Pooling=false;Column Encryption Setting=Disabled;Persist Security Info=True").is_empty());
    let odbc = "Driver={ODBC Driver 17 for SQL Server};Server=h;UID=u;PWD=p;MARS_Connection=yes";
    assert_eq!(parse(odbc).without_effect, ["MultipleActiveResultSets"]);
    let jdbc = "jdbc:sqlserver://h;user=u;password=p;useBulkCopyForBatchInsert=true;delayLoadingLobs=false;loginTimeout=5";
    assert_eq!(parse(jdbc).without_effect, ["useBulkCopyForBatchInsert"]);
    let ole_db = "Provider=MSOLEDBSQL;Data Source=h;User ID=u;Password=p;Use Encryption for Data=strict;Language=us_english";
    let e = parse(ole_db);
    assert_eq!((e.encrypt, e.without_effect), (Encrypt::Strict, vec!["Language".to_owned()]));
    assert!(
        error("Server=h;UID=u;PWD=p;AttachDbFilename=|DataDirectory|d.mdf").contains("Attach the database")
    );
}

#[test]
fn other_forms_mean_the_same() {
    for text in [
        "Driver={ODBC Driver 18 for SQL Server};Server=tcp:h,1444;Database=d;UID=u;PWD={p;q};Encrypt=strict",
        "jdbc:sqlserver://h:1444;databaseName=d;user=u;password={p;q};encrypt=strict",
        "sqlserver://u:p%3Bq@h:1444?database=d&encrypt=strict",
    ] {
        let e = parse(text);
        assert_eq!((e.host.as_str(), e.port, e.database.as_deref()), ("h", Some(1444), Some("d")), "{text}");
        assert_eq!(
            (e.user.as_str(), e.password.expose(), e.encrypt),
            ("u", "p;q", Encrypt::Strict),
            "{text}"
        );
    }
}

#[test]
fn an_endpoint_prints_where_it_leads() {
    assert_eq!(parse("Server=h;UID=u;PWD=p;Database=d").to_string(), "h,1433/d");
    assert_eq!(parse("Server=h\\i;UID=u;PWD=p").to_string(), "h\\i");
    assert_eq!(parse("Server=h\\i,1500;UID=u;PWD=p").to_string(), "h,1500");
}
