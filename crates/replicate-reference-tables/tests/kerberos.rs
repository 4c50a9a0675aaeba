//! Windows logins by Kerberos: a real KDC, the sandbox as the server, the real binary, and FreeTDS beside it.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use replica_core::tds::login7::Login7;
use replica_core::tds::packet;
use replica_core::tds::prelogin::{Prelogin, encryption, option};
use replica_core::tds::token::{self, Done, DoneKind, EnvChange, LoginAck};
use replica_gssapi::Acceptor;
use replica_testkit::proxy::{From, Harm, Proxy, Rule};
use replica_testkit::{Kdc, Pair, Program, Server, SilentKdc, faketime};

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

/// check-replica says for how long the ticket serves.
#[test]
fn the_tickets_end_is_told_before_it_comes() {
    let Some(domain) = Domain::new() else { return };
    let connection = |database: &str, more: &str| domain.connection(database, more);
    let keytab = format!("KeytabFile={}", text(&domain.kdc.path("etl.keytab")));
    let run = Program::beside(BINARY, "check-replica")
        .with("KRB5_CONFIG", text(&domain.kdc.config()))
        .with("KRB5CCNAME", text(&domain.kdc.path("no-tickets")))
        .with("REPLICA_SOURCE", &connection(&domain.pair.source.name, &keytab))
        .with("REPLICA_TARGET", &connection(&domain.pair.target.name, &keytab))
        .run(&["dbo.t", "--output=tsv"])
        .exits(0);
    let told = run.lines().into_iter().filter(|line| line[0] == "credential");
    let told: Vec<_> =
        told.map(|line| (line[1], line[3], line[4].starts_with("the Kerberos ticket serves for "))).collect();
    assert_eq!(told, [("source", "info", true), ("target", "info", true)], "{run}");
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
    let rule = Rule { from: From::Server, pattern: AP_REP.to_vec(), harm: Harm::HangUp(8), times: 1 };
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

/// The tool, by a clock that is ahead by so much.
fn ahead(program: Program, by: &str) -> Program {
    program.by_clock(faketime().expect("libfaketime is there"), by)
}

#[test]
fn a_clock_that_is_wrong_is_told() {
    let Some(domain) = Domain::new() else { return };
    // Without the correction that the library makes, which a domain may forbid.
    let strict = domain.kdc.config_with("kdc_timesync = 0");
    let program = domain.with_keytab("").with("KRB5_CONFIG", text(&strict));
    ahead(program, "+20m").run(&["dbo.t"]).exits(3).says("Clock skew too great").says("NTP");
    ahead(domain.with_keytab(""), "+2d")
        .run(&["dbo.t"])
        .exits(3)
        .says("Ticket expired")
        .says("clock is ahead");
}

#[test]
fn a_ticket_of_kinit_that_has_run_out_is_told() {
    let Some(domain) = Domain::new() else { return };
    let cache = domain.kdc.tickets("etl", &domain.kdc.path("etl.keytab"));
    let program = || domain.between("").with("KRB5CCNAME", text(&cache));
    program().run(&["dbo.t"]).exits(0);
    domain.copied();
    ahead(program(), "+2d").run(&["dbo.t"]).exits(3).says("Ticket expired").says("use a keytab");
}

#[test]
fn of_several_accounts_in_a_keytab_one_is_chosen() {
    let Some(domain) = Domain::new() else { return };
    domain.kdc.add("other", "");
    domain.kdc.new_keys("other", "both.keytab");
    let both = domain.kdc.new_keys("etl", "both.keytab");
    let with = |more: &str| domain.between(&format!("KeytabFile={};{more}", text(&both)));
    with("").run(&["dbo.t"]).exits(3).says(r"Login failed for user 'REPLICA\other'");
    for principal in ["etl", "etl@REPLICA.TEST"] {
        with(&format!("Principal={principal}")).run(&["dbo.t"]).exits(0);
        domain.copied();
    }
}

/// SQL Server Browser of this machine, which has one instance. Its port is always this one, so that another run of this
/// test may have it.
fn browser(instance: &'static str, port: u16) {
    let free = || UdpSocket::bind("127.0.0.1:1434").inspect_err(|_| sleep(Duration::from_millis(100))).ok();
    let socket = (0..600).find_map(|_| free()).expect("UDP port 1434");
    std::thread::spawn(move || {
        let mut question = [0; 100];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if question[..length] == *format!("\x04{instance}\0").as_bytes() {
                let text = format!(
                    "ServerName;HERE;InstanceName;{instance};IsClustered;No;Version;16.0.4236.2;tcp;{port};;"
                );
                let answer = [&[5], &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
}

#[test]
fn a_named_instance_has_its_port_or_its_name_in_its_spn() {
    let Some(domain) = Domain::new() else { return };
    browser("SALES", domain.pair.server.port().unwrap());
    let program = || domain.with_keytab(r"Server=localhost\SALES");
    program().run(&["dbo.t"]).exits(0);
    domain.copied();

    let by_port = spn(&domain.pair.server);
    domain.kdc.remove(&by_port);
    let by_name = "MSSQLSvc/localhost:SALES";
    program().run(&["dbo.t"]).exits(3).says(&format!("the KDC does not know {by_port} or {by_name}"));
    domain.kdc.add(by_name, "");
    domain.kdc.new_keys(by_name, "server.keytab");
    program().run(&["dbo.t"]).exits(0);
    domain.copied();
}

/// What a server answers to LOGIN7.
#[derive(Clone, Copy)]
enum Gateway {
    /// It proves who it is, and sends the client on.
    Proved,
    /// It sends the client on.
    Unproved,
    /// It proves who it is without end.
    Endless,
}

/// A server that sends clients on to an instance at this port. Returns its own.
fn gateway(domain: &Domain, manner: Gateway, port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let service = format!("MSSQLSvc/localhost:{own}");
    domain.kdc.add(&service, "");
    let keytab = domain.kdc.new_keys(&service, "gateway.keytab");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut prelogin = Prelogin::default();
            prelogin.set(option::VERSION, &[16, 0, 0, 0, 0, 0]);
            prelogin.set(option::ENCRYPTION, &[encryption::NOT_SUPPORTED]);
            let mut reply = Vec::new();
            prelogin.encode(&mut reply);
            heard(&mut client);
            say(&mut client, &reply);

            let login = Login7::parse(&heard(&mut client)).unwrap();
            let mut acceptor = Acceptor::new(&format!("FILE:{}", keytab.display())).unwrap();
            let proof = acceptor.step(&login.sspi).unwrap().token;
            let mut proof_token = vec![token::kind::SSPI];
            proof_token.extend((proof.len() as u16).to_le_bytes());
            proof_token.extend(proof);
            let mut tokens = Vec::new();
            EnvChange::Routing { port, host: r"localhost\SALES".into() }.encode(&mut tokens);
            let (program, version) = ("Microsoft SQL Server".to_owned(), [16, 0, 0, 0]);
            LoginAck { interface: 1, tds_version: [0x74, 0, 0, 4], program, version }.encode(&mut tokens);
            Done { kind: DoneKind::Done, status: 0, command: 0, count: 0 }.encode(&mut tokens);
            match manner {
                Gateway::Proved => say(&mut client, &[proof_token, tokens].concat()),
                Gateway::Unproved => say(&mut client, &tokens),
                Gateway::Endless => while try_say(&mut client, &proof_token).is_ok() {},
            }
        }
    });
    own
}

/// The payload of one message.
fn heard(client: &mut TcpStream) -> Vec<u8> {
    let mut message = Vec::new();
    loop {
        let mut header = [0; 8];
        client.read_exact(&mut header).unwrap();
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) - header.len();
        let start = message.len();
        message.resize(start + length, 0);
        client.read_exact(&mut message[start..]).unwrap();
        if header[1] & 1 == 1 {
            return message;
        }
    }
}

fn try_say(client: &mut TcpStream, tokens: &[u8]) -> std::io::Result<()> {
    let mut packets = Vec::new();
    packet::frame(packet::kind::REPLY, tokens, packet::DEFAULT_SIZE, &mut packets);
    client.write_all(&packets)
}

fn say(client: &mut TcpStream, tokens: &[u8]) {
    try_say(client, tokens).unwrap();
}

#[test]
fn who_is_sent_on_asks_for_the_other_server_by_name() {
    let Some(domain) = Domain::new() else { return };
    let there = domain.pair.server.port().unwrap();
    let through = |manner| {
        let here = gateway(&domain, manner, there);
        domain.with_keytab(&format!("Encrypt=false;Server=127.0.0.1,{here};Connect Timeout=9"))
    };
    // The gateway's ticket is none that the server could read.
    through(Gateway::Proved).run(&["dbo.t"]).exits(0);
    domain.copied();
    // A server that nobody knows sends nobody anywhere.
    through(Gateway::Unproved).run(&["dbo.t"]).exits(3).says("without a word to the Kerberos ticket");
    through(Gateway::Endless).run(&["dbo.t"]).exits(3).says("does not prove that it is the one asked for");
    // Who is not let in there is told where it was.
    domain.pair.server.client("master").batch(r"DROP LOGIN [REPLICA\etl]");
    let refused = through(Gateway::Proved).run(&["dbo.t"]).exits(3);
    refused.says(&format!(r"sent on to localhost\SALES,{there}: error 18456"));
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
