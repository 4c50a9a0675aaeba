//! Windows logins by Kerberos: a real KDC, the sandbox as the server, the real binary, and FreeTDS beside it.
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use replica_testkit::proxy::{From, Harm, Proxy, Rule};
use replica_testkit::{Kdc, Pair, Program, Server, SilentKdc};

const BINARY: &str = env!("CARGO_BIN_EXE_replicate-reference-tables");

/// A realm with a server, an account that may do everything there, and a table to copy.
struct Domain {
    kdc: Kdc,
    pair: Pair,
}

impl Domain {
    /// `None` where there is no KDC to start.
    fn new() -> Option<Self> {
        Kdc::start().map(Self::of)
    }

    fn of(kdc: Kdc) -> Self {
        let server = Server::sandbox_with_keytab(&kdc.path("server.keytab"));
        let service = spn(&server);
        kdc.add(&service, "");
        kdc.new_keys(&service, "server.keytab");
        kdc.add("etl", "");
        kdc.new_keys("etl", "etl.keytab");
        let pair = Pair::on(server);
        pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, name varchar(9) NULL)");
        pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (2, NULL)");
        pair.server.client("master").batch(
            r"CREATE LOGIN [REPLICA\etl] FROM WINDOWS; ALTER SERVER ROLE sysadmin ADD MEMBER [REPLICA\etl]",
        );
        Self { kdc, pair }
    }

    /// A connection string for a database of the server.
    fn connection(&self, database: &str, more: &str) -> String {
        let port = self.pair.server.port().unwrap();
        format!("Server=localhost,{port};Database={database};{OPTIONS};Integrated Security=true;{more}")
    }

    /// The tool, with what it would find in a crontab: no ticket, no keytab, nothing of this machine's.
    fn program(&self) -> Program {
        Program::new(BINARY)
            .with("KRB5_CONFIG", text(&self.kdc.config()))
            .with("KRB5CCNAME", text(&self.kdc.path("no-tickets")))
    }

    fn between(&self, more: &str) -> Program {
        let connection = |database: &str| self.connection(database, more);
        self.program()
            .with("REPLICA_SOURCE", &connection(&self.pair.source.name))
            .with("REPLICA_TARGET", &connection(&self.pair.target.name))
    }

    /// With the keytab of the account.
    fn with_keytab(&self, more: &str) -> Program {
        self.between(&format!("KeytabFile={};{more}", text(&self.kdc.path("etl.keytab"))))
    }

    /// The target has what the source has, and nothing is left for the next run.
    #[track_caller]
    fn copied(&self) {
        self.pair.assert_equal("SELECT id, name FROM dbo.t ORDER BY id");
        self.pair.target("DELETE FROM dbo.t");
    }
}

const OPTIONS: &str = "TrustServerCertificate=true;ConnectRetryCount=0;Connect Timeout=20";

fn spn(server: &Server) -> String {
    format!("MSSQLSvc/localhost:{}", server.port().unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn a_keytab_alone_is_enough() {
    let Some(domain) = Domain::new() else { return };
    domain.with_keytab("").run(&["dbo.t"]).exits(0);
    domain.copied();
    let keytab = domain.kdc.path("etl.keytab");
    let of_environment = domain.between("").with("KRB5_CLIENT_KTNAME", text(&keytab));
    of_environment.with("KRB5CCNAME", "MEMORY:tool").run(&["dbo.t"]).exits(0);
    domain.copied();

    let side = |name: &str, database: &str| {
        format!(
            "[{name}]\nserver = 'localhost,{}'\ndatabase = '{database}'\nintegrated_security = true\n\
             keytab_file = 'etl.keytab'\nprincipal = 'etl@REPLICA.TEST'\ntrust_server_certificate = true\n",
            domain.pair.server.port().unwrap()
        )
    };
    let Pair { source, target, .. } = &domain.pair;
    let toml = side("source", &source.name) + &side("target", &target.name);
    let program = domain.program().file("replica.toml", &toml);
    std::fs::copy(keytab, program.folder().join("etl.keytab")).unwrap();
    program.run(&["dbo.t"]).exits(0);
    domain.copied();
}

#[test]
fn every_form_of_connection_string_can_ask_for_it() {
    let Some(domain) = Domain::new() else { return };
    let port = domain.pair.server.port().unwrap();
    let keytab = text(&domain.kdc.path("etl.keytab")).to_owned();
    for form in [
        "Driver={ODBC Driver 18 for SQL Server};Server=tcp:localhost,PORT;Database=DATABASE;Trusted_Connection=yes;\
         TrustServerCertificate=yes;KeytabFile=KEYTAB",
        "jdbc:sqlserver://localhost:PORT;databaseName=DATABASE;integratedSecurity=true;\
         authenticationScheme=JavaKerberos;trustServerCertificate=true;keytabFile=KEYTAB",
        "sqlserver://localhost:PORT?database=DATABASE&authenticator=krb5&krb5-keytabfile=KEYTAB&\
         TrustServerCertificate=true",
        // An address has a name, too; Kerberos needs no TLS.
        "Server=127.0.0.1,PORT;Database=DATABASE;Authentication=ActiveDirectoryIntegrated;Encrypt=false;\
         KeytabFile=KEYTAB",
    ] {
        let form = form.replace("PORT", &port.to_string()).replace("KEYTAB", &keytab);
        let connection = |database: &str| form.replace("DATABASE", database);
        domain
            .program()
            .with("REPLICA_SOURCE", &connection(&domain.pair.source.name))
            .with("REPLICA_TARGET", &connection(&domain.pair.target.name))
            .run(&["dbo.t"])
            .exits(0);
        domain.copied();
    }
}

#[test]
fn the_server_is_asked_for_by_its_name() {
    let Some(domain) = Domain::new() else { return };
    let service = spn(&domain.pair.server);
    domain.with_keytab(&format!("ServerSPN={service}@REPLICA.TEST")).run(&["dbo.t"]).exits(0);
    domain.copied();
    domain
        .with_keytab("ServerSPN=MSSQLSvc/elsewhere.test:1")
        .run(&["dbo.t"])
        .exits(3)
        .says("the KDC does not know MSSQLSvc/elsewhere.test:1")
        .says("setspn");
    // The ticket of another service is one that this server cannot read.
    domain.kdc.add("MSSQLSvc/other.test:1", "");
    domain
        .with_keytab("ServerSPN=MSSQLSvc/other.test:1")
        .run(&["dbo.t"])
        .exits(3)
        .says("error 18452")
        .says("setspn -Q")
        .says("Extended Protection=Required");
}

#[test]
fn without_a_ticket_the_ways_to_one_are_named() {
    let Some(domain) = Domain::new() else { return };
    domain.between("").run(&["dbo.t"]).exits(3).says("No Kerberos credentials").says("keytab_file");
    let missing = text(&domain.kdc.path("missing.keytab")).to_owned();
    let in_environment = domain.between("").with("KRB5_CLIENT_KTNAME", &missing).run(&["dbo.t"]);
    in_environment.exits(2).says("KRB5_CLIENT_KTNAME").says(&missing).says("No such file");
    domain.between(&format!("KeytabFile={missing}")).run(&["dbo.t"]).exits(2).says(&missing);
    domain
        .with_keytab("Principal=nobody")
        .run(&["dbo.t"])
        .exits(2)
        .says("no key of nobody, but of etl@REPLICA.TEST");
}

#[test]
fn a_keytab_is_worth_nothing_after_a_new_password() {
    let Some(domain) = Domain::new() else { return };
    domain.kdc.new_keys("etl", "new.keytab");
    domain.with_keytab("").run(&["dbo.t"]).exits(3).says("older than the account's password");
    domain.pair.target("INSERT INTO dbo.t VALUES (3, 'c')");
    let new = format!("KeytabFile={}", text(&domain.kdc.path("new.keytab")));
    domain.between(&new).run(&["dbo.t"]).exits(0);
    domain.copied();
}

#[test]
fn tickets_are_renewed_from_the_keytab() {
    let Some(domain) = Domain::new() else { return };
    domain.kdc.change("etl", "-maxlife 2s");
    // The first login ends with the server's answer to the ticket; the second begins when the ticket has run out.
    let rule = Rule { from: From::Server, pattern: AP_REP.to_vec(), harm: Harm::HangUp(0), times: 1 };
    let server = std::net::SocketAddr::from(([127, 0, 0, 1], domain.pair.server.port().unwrap()));
    let proxy = Proxy::before(server, rule).unwrap();
    let [through, service] = [proxy.address().port().to_string(), spn(&domain.pair.server)];
    let more = format!(
        "Encrypt=false;Server=127.0.0.1,{through};ServerSPN={service};ConnectRetryCount=2;ConnectRetryInterval=3"
    );
    domain.with_keytab(&more).run(&["dbo.t"]).exits(0).says("tried again");
    assert!(proxy.has_struck(Duration::ZERO));
    domain.copied();
    assert!(domain.kdc.shown_keys("etl") >= 2, "{}", domain.kdc.shown_keys("etl"));
}

/// The head of an AP-REP token (RFC 4121, 4.1): Kerberos' object identifier, then 02 00. It is seen where only the login is
/// encrypted.
const AP_REP: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x00";

#[test]
fn an_account_that_has_ended_is_told() {
    let Some(domain) = Domain::new() else { return };
    for (account, options, says) in [
        ("old", "-pwexpire yesterday", "never expire"),
        ("gone", "-expire yesterday", "has expired"),
        ("locked", "-allow_tix", "revoked"),
    ] {
        domain.kdc.add(account, options);
        let keytab = domain.kdc.new_keys(account, &format!("{account}.keytab"));
        // ktadd sets a new password, which has not expired.
        domain.kdc.change(account, options);
        domain.between(&format!("KeytabFile={}", text(&keytab))).run(&["dbo.t"]).exits(3).says(says);
    }
}

#[test]
fn who_has_no_login_is_told_by_name() {
    let Some(domain) = Domain::new() else { return };
    domain.kdc.add("other", "");
    let keytab = domain.kdc.new_keys("other", "other.keytab");
    domain
        .between(&format!("KeytabFile={}", text(&keytab)))
        .run(&["dbo.t"])
        .exits(3)
        .says(r"error 18456")
        .says(r"Login failed for user 'REPLICA\other'")
        .says("FROM WINDOWS");
}

#[test]
fn clocks_that_differ_are_told() {
    let Some(kdc) = Kdc::start_ahead("+20m") else { return };
    let domain = Domain::of(kdc);
    // The library takes the KDC's time for granted; the server does not.
    domain.with_keytab("").run(&["dbo.t"]).exits(3).says("error 18452").says("clock");
}

#[test]
fn a_kdc_that_swallows_packets_holds_nobody() {
    let Some(domain) = Domain::new() else { return };
    let silent = SilentKdc::start();
    let begun = Instant::now();
    domain
        .with_keytab("Connect Timeout=2")
        .with("KRB5_CONFIG", text(&domain.kdc.config_at(silent.port())))
        .run(&["dbo.t"])
        .exits(3)
        .says("no answer of a KDC within Connect Timeout")
        .says("port 88");
    // The library would wait for half a minute.
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[test]
fn a_server_must_prove_who_it_is() {
    let Some(domain) = Domain::new() else { return };
    let mut other = AP_REP.to_vec();
    other[10] = 3;
    let rule = Rule { from: From::Server, pattern: AP_REP.to_vec(), harm: Harm::Replace(other), times: 1 };
    let server = std::net::SocketAddr::from(([127, 0, 0, 1], domain.pair.server.port().unwrap()));
    let proxy = Proxy::before(server, rule).unwrap();
    let more = format!(
        "Encrypt=false;Server=127.0.0.1,{};ServerSPN={}",
        proxy.address().port(),
        spn(&domain.pair.server)
    );
    domain.with_keytab(&more).run(&["dbo.t"]).exits(3).says("does not prove that it is the one asked for");
    assert!(proxy.has_struck(Duration::from_secs(10)));
}

/// The blocks of docs/CONNECTING.md with this mark, as a user copies them, with this realm's names in place of the page's.
fn blocks(mark: &str, domain: &Domain) -> String {
    let page = include_str!("../../../docs/CONNECTING.md");
    let fence = format!("   ```{mark}\n");
    let blocks: String =
        page.split(&fence).skip(1).map(|rest| rest.split("   ```").next().unwrap()).collect();
    let blocks: String = blocks.lines().map(|line| format!("{}\n", line.trim_start_matches("   "))).collect();
    let port = domain.pair.server.port().unwrap();
    blocks
        .replace("CORP.EXAMPLE", "REPLICA.TEST")
        .replace("etl", "person")
        .replace("sql.corp.example:1433", &format!("localhost:{port}"))
        .replace("sql.corp.example,1433", &format!("localhost,{port}"))
}

#[test]
fn the_walk_through_works_as_written() {
    let Some(domain) = Domain::new() else { return };
    domain.kdc.add_person("person", "Person-4711");
    domain.pair.server.client("master").batch(&blocks("tsql", &domain).replace("CORP", "REPLICA"));
    let [source, target] = [&domain.pair.source, &domain.pair.target];
    for database in [source, target] {
        database
            .client()
            .batch(r"CREATE USER [REPLICA\person]; ALTER ROLE db_owner ADD MEMBER [REPLICA\person]");
    }

    let of_source = blocks("toml keytab", &domain).replace("Sales", &source.name);
    let of_target = of_source.replace("[source]", "[target]").replace(&source.name, &target.name);
    let program = domain.program().file("replica.toml", &format!("{of_source}{TRUST}\n{of_target}{TRUST}\n"));
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", &blocks("bash keytab", &domain)])
        .current_dir(program.folder())
        .env("KRB5_CONFIG", domain.kdc.config())
        .env("KRB5CCNAME", domain.kdc.path("walk"));
    let mut shell =
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(b"Person-4711\n").unwrap();
    let output = shell.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    program.run(&["dbo.t"]).exits(0);
    domain.copied();
}

const TRUST: &str = "trust_server_certificate = true";

/// FreeTDS knows nothing of us: what it takes for a login by Kerberos is one.
#[test]
fn freetds_logs_in_in_the_same_way() {
    let Some(domain) = Domain::new() else { return };
    let configuration = format!(
        "[sandbox]\nhost = localhost\nport = {}\ntds version = 7.4\nencryption = request\n",
        domain.pair.server.port().unwrap()
    );
    let file = domain.kdc.path("freetds.conf");
    std::fs::write(&file, configuration).unwrap();
    let mut tsql = Command::new("tsql");
    tsql.args(["-S", "sandbox", "-o", "fhq"])
        .env("FREETDSCONF", &file)
        .env("KRB5_CONFIG", domain.kdc.config())
        .env("KRB5CCNAME", "MEMORY:tsql")
        .env("KRB5_CLIENT_KTNAME", domain.kdc.path("etl.keytab"));
    let mut tsql = tsql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    tsql.stdin.take().unwrap().write_all(b"SELECT SUSER_SNAME()\ngo\n").unwrap();
    let output = tsql.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), r"REPLICA\etl", "{}", String::from_utf8_lossy(&output.stderr));
}
