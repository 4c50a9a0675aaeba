//! Connecting, in every way there is: to the sandbox, and to what is no SQL Server at all.
mod common;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::{Peer, Sandbox, answers, endpoint, run, scripted, silent, text, welcome};
use replica_core::cli::Code;
use replica_core::config::{Credential, Encrypt, Endpoint, Secret, TokenSource};
use replica_core::error::Result;
use replica_core::session::{Role, Session};
use replica_core::tds::{
    packet::{frame, kind},
    token::EnvChange,
};
use replica_sandbox::server::Policy;
use replica_testkit::Tenant;
use replica_testkit::proxy::{From, Harm, Proxy, Rule, utf16};

/// Connects, which takes the login through tiberius and a first batch on the raw lane.
async fn visit(endpoint: &Endpoint) -> Result<()> {
    let mut session = Session::connect(endpoint, Role::Source).await?;
    assert_eq!(session.server().version.0, 16);
    assert!(session.lane()?.is_idle());
    Ok(())
}

fn trusting(sandbox: &Sandbox, more: &str) -> Endpoint {
    let authority = sandbox.authority();
    sandbox.endpoint(&format!("ServerCertificate={};{more}", authority.display()))
}

#[test]
fn without_tls() {
    let sandbox = Sandbox::start(Policy::Off, 32767);
    run(visit(&sandbox.endpoint("Encrypt=false"))).unwrap();
    // Of localhost's addresses, ::1 may have no listener.
    run(visit(&sandbox.endpoint("Encrypt=false;MultiSubnetFailover=true"))).unwrap();
}

#[test]
fn with_tls_for_the_login_only() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    run(visit(&sandbox.endpoint("Encrypt=false"))).unwrap();
}

/// Does this pass a listener between client and server, who reads what is not encrypted?
fn is_overheard(server: &Sandbox, encrypt: &str, bytes: Vec<u8>) -> bool {
    let harm = Harm::Replace(bytes.clone());
    let rule = Rule { from: From::Client, pattern: bytes, harm, times: 1 };
    let proxy = Proxy::before(server.address(), rule).unwrap();
    let more = format!("ServerCertificate={};Encrypt={encrypt}", server.authority().display());
    run(visit(&endpoint(proxy.address(), &more))).unwrap();
    proxy.has_struck(Duration::ZERO)
}

#[test]
fn what_a_listener_hears() {
    // LOGIN7 hides passwords from nobody: nibbles swapped, then XOR 0xA5 ([MS-TDS] 2.2.6.4).
    let password: Vec<_> = utf16(common::PASSWORD).iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect();
    let batch = utf16("SET XACT_ABORT ON");
    for (policy, encrypt, hears_password, hears_batch) in [
        (Policy::Off, "false", true, true),
        (Policy::On, "false", false, true),
        (Policy::Required, "false", false, false),
        (Policy::On, "true", false, false),
        (Policy::Strict, "strict", false, false),
    ] {
        let sandbox = Sandbox::start(policy, 32767);
        assert_eq!(is_overheard(&sandbox, encrypt, password.clone()), hears_password, "{policy:?} {encrypt}");
        assert_eq!(is_overheard(&sandbox, encrypt, batch.clone()), hears_batch, "{policy:?} {encrypt}");
    }
}

#[test]
fn with_tls_for_everything() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    run(visit(&trusting(&sandbox, "Encrypt=true"))).unwrap();
    run(visit(&sandbox.endpoint("TrustServerCertificate=true"))).unwrap();
}

/// How often the log said of a server that a session of TLS was resumed.
struct Resumptions(Mutex<Vec<String>>);

static RESUMPTIONS: Resumptions = Resumptions(Mutex::new(Vec::new()));

impl log::Log for Resumptions {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        if text.contains("a session of TLS is resumed") {
            self.0.lock().unwrap().push(text);
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_session_of_tls_is_resumed_by_who_has_checked_alike() {
    log::set_logger(&RESUMPTIONS).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let sandbox = Sandbox::start(Policy::Strict, 32767);
    let port = sandbox.address().port().to_string();
    let resumed = || RESUMPTIONS.0.lock().unwrap().iter().filter(|text| text.contains(&port)).count();
    run(visit(&trusting(&sandbox, "Encrypt=strict"))).unwrap();
    assert_eq!(resumed(), 0);
    run(visit(&trusting(&sandbox, "Encrypt=strict"))).unwrap();
    assert_eq!(resumed(), 1);
    // Who has to see another name, or trusts others, checks for himself.
    let elsewhere = trusting(&sandbox, "Encrypt=strict;HostNameInCertificate=elsewhere.example.org");
    let message = text(run(visit(&elsewhere)));
    assert!(message.contains("is not for the name 'elsewhere.example.org'"), "{message}");
    let message = text(run(visit(&sandbox.endpoint("Encrypt=strict"))));
    assert!(message.contains("certificate is not trusted"), "{message}");
    assert_eq!(resumed(), 1);
    run(visit(&trusting(&sandbox, "Encrypt=strict"))).unwrap();
    assert_eq!(resumed(), 2);
}

#[test]
fn with_tls_that_the_server_insists_on() {
    let sandbox = Sandbox::start(Policy::Required, 32767);
    run(visit(&trusting(&sandbox, "Encrypt=false"))).unwrap();
    // What is encrypted throughout is also checked, though nobody here asked for it.
    let message = text(run(visit(&sandbox.endpoint("Encrypt=false"))));
    assert!(message.contains("certificate is not trusted"), "{message}");
}

#[test]
fn with_tls_before_everything_else() {
    let sandbox = Sandbox::start(Policy::Strict, 32767);
    let strict = trusting(&sandbox, "Encrypt=strict");
    assert_eq!(strict.encrypt, Encrypt::Strict);
    run(visit(&strict)).unwrap();
    // TrustServerCertificate does not weaken it.
    let message = text(run(visit(&sandbox.endpoint("Encrypt=strict;TrustServerCertificate=true"))));
    assert!(message.contains("certificate is not trusted"), "{message}");
    let error = run(visit(&trusting(&sandbox, "Encrypt=true"))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect);
}

#[test]
fn encryption_that_the_server_does_not_offer_is_not_given_up() {
    let sandbox = Sandbox::start(Policy::Off, 32767);
    let error = run(visit(&sandbox.endpoint("Encrypt=true"))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect);
    assert!(error.to_string().contains("does not offer encryption"), "{error}");
}

#[test]
fn packets_are_as_large_as_the_server_grants() {
    /// Microsoft documents this limit for encrypted connections.
    const UNDER_TLS: usize = 16383;
    let grant = |sandbox: &Sandbox, more| {
        let mut session = run(Session::connect(&sandbox.endpoint(more), Role::Target)).unwrap();
        session.lane().unwrap().packet_size()
    };
    for granted in [512, 4096, 8000, 32767] {
        let sandbox = Sandbox::start(Policy::On, granted);
        assert_eq!(grant(&sandbox, "Encrypt=false"), granted);
        assert_eq!(grant(&sandbox, "TrustServerCertificate=true"), granted.min(UNDER_TLS));
        assert_eq!(grant(&sandbox, "Encrypt=false;Packet Size=600"), granted.min(600));
    }
}

#[test]
fn an_untrusted_certificate_is_refused_with_the_ways_out() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    let error = run(visit(&sandbox.endpoint(""))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect);
    let message = error.to_string();
    for part in ["source localhost,", "not trusted", "ServerCertificate=", "TrustServerCertificate=true"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn a_certificate_must_carry_the_servers_name() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    let message = text(run(visit(&trusting(&sandbox, "HostNameInCertificate=elsewhere.example.org"))));
    assert!(
        message.contains("'elsewhere.example.org'") && message.contains("HostNameInCertificate"),
        "{message}"
    );
}

#[test]
fn a_certificate_file_must_hold_certificates() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    let error = run(visit(&sandbox.endpoint("ServerCertificate=/nowhere.pem"))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Usage);
    assert!(error.to_string().contains("/nowhere.pem"), "{error}");
}

#[test]
fn a_wrong_password() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    for encrypt in ["Encrypt=false", "TrustServerCertificate=true"] {
        let error = run(visit(&sandbox.endpoint(&format!("{encrypt};Password=wrong-one")))).unwrap_err();
        assert_eq!(error.exit_code(), Code::Connect);
        assert_eq!(error.server().map(|e| e.number), Some(18456));
        assert!(!error.is_transient());
        assert!(error.to_string().contains("'sa'") && !error.to_string().contains("wrong-one"), "{error}");
    }
}

#[test]
fn an_unknown_database() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    let error = run(visit(&sandbox.endpoint("Encrypt=false;Database=nowhere"))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect);
    assert_eq!(error.server().map(|e| e.number), Some(4060));
}

#[test]
fn a_port_where_nobody_listens() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = run(visit(&endpoint(address, ""))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect);
    assert!(error.to_string().contains("cannot connect"), "{error}");
}

#[test]
fn a_server_that_comes_up_meanwhile() {
    let error = run(Session::connect_once(&endpoint(unused(), ""), Role::Source)).err().unwrap();
    assert!(error.is_transient(), "{error}");
    for number in [40613, 4060, 18401] {
        let address = refusing_first(number);
        let counted = |count| endpoint(address, &format!("Encrypt=false;ConnectRetryCount={count}"));
        let error = run(Session::connect(&counted(0), Role::Source)).err().unwrap();
        assert!(error.has_number(number.unsigned_abs()), "{error}");
        let error = run(Session::connect(&counted(1), Role::Source)).err().unwrap();
        assert!(error.to_string().contains("after 2 attempts"), "{error}");
        assert!(!error.is_transient(), "{error}");
        run(Session::connect(&counted(2), Role::Source)).unwrap();
    }
}

/// A port that was free a moment ago.
fn unused() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Answers four logins with an error, and lets the others in.
fn refusing_first(number: i32) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut peer = Peer(stream.unwrap());
            if n < 4 {
                peer.refuse_tls();
                peer.message();
                peer.reply(&[common::error(number), common::done(2, 0)].concat());
            } else {
                peer.log_in(4096);
            }
        }
    });
    address
}

#[test]
fn a_name_that_does_not_exist() {
    let nowhere = Endpoint::from_connection_string("Server=nowhere.invalid;UID=u;PWD=p").unwrap();
    let error = run(visit(&nowhere)).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect);
    assert!(error.to_string().contains("nowhere.invalid"), "{error}");
}

#[test]
fn silence_ends_with_the_time_limit() {
    for encrypt in ["Encrypt=true", "Encrypt=strict"] {
        let begun = Instant::now();
        let error = run(visit(&endpoint(silent(), &format!("{encrypt};Connect Timeout=1")))).unwrap_err();
        assert_eq!(error.exit_code(), Code::Connect);
        assert!(error.to_string().contains("within 1 s"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

/// A server that sends `bytes` and hangs up, whatever it is asked.
fn refusal(bytes: &'static [u8], encrypt: &str) -> String {
    let error =
        run(visit(&endpoint(answers(bytes), &format!("Encrypt={encrypt};Connect Timeout=5")))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect, "{error}");
    error.to_string()
}

#[test]
fn a_server_that_speaks_something_else() {
    for banner in [
        &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.org ESMTP\r\n",
        &[0; 100],
        &[0xFF; 100],
        b"\x04\x01\x00\x0c\x00\x00\x01\x00\x01\xff\xff\xff",
    ] {
        let message = refusal(banner, "true");
        assert!(message.contains("does not speak TDS") || message.contains("hung up"), "{message}");
    }
    let message = refusal(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "strict");
    assert!(message.contains("answers TLS with something else"), "{message}");
}

#[test]
fn a_server_that_hangs_up_too_early() {
    assert!(refusal(b"", "true").contains("hung up"));
    assert!(refusal(b"\x04\x01\x00", "true").contains("hung up"));
    assert!(refusal(b"\x04\x01\x00\x2b\x00\x00\x01\x00\x00\x00\x1a", "true").contains("hung up"));
}

#[test]
fn a_server_that_grants_impossible_packets() {
    let address = scripted(|stream| {
        let mut peer = Peer(stream);
        peer.refuse_tls();
        peer.message();
        let mut tokens = Vec::new();
        EnvChange::PacketSize { new: 7, old: 4096 }.encode(&mut tokens);
        peer.reply(&tokens);
        peer.message();
    });
    let error = run(visit(&endpoint(address, "Encrypt=false"))).unwrap_err();
    assert_eq!(error.exit_code(), Code::Connect);
    assert!(error.to_string().contains("packets of 7 bytes"), "{error}");
}

#[test]
fn a_server_that_sends_us_on() {
    let there = scripted(|stream| Peer(stream).log_in(4096));
    let here = scripted(move |stream| {
        let mut peer = Peer(stream);
        peer.refuse_tls();
        peer.message();
        let mut tokens = Vec::new();
        EnvChange::Routing { port: there.port(), host: "127.0.0.1".into() }.encode(&mut tokens);
        tokens.extend(welcome(4096));
        peer.reply(&tokens);
    });
    run(async {
        let mut session = Session::connect(&endpoint(here, "Encrypt=false"), Role::Source).await.unwrap();
        assert_eq!(session.server().program, "Scripted");
        assert_eq!(session.lane().unwrap().packet_size(), 4096);
    });
}

#[test]
fn a_server_that_sends_us_where_nobody_answers() {
    let ports = 11000..12000;
    let silent =
        ports.clone().find_map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).ok()).unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (port, parts) in [
        (silent.local_addr().unwrap().port(), ["no connection within 1 s", "ports 11000 to 11999"]),
        (closed, ["cannot connect", "refused"]),
    ] {
        let here = scripted(move |stream| {
            let mut peer = Peer(stream);
            peer.refuse_tls();
            peer.message();
            let mut tokens = Vec::new();
            EnvChange::Routing { port, host: "127.0.0.1".into() }.encode(&mut tokens);
            tokens.extend(welcome(4096));
            peer.reply(&tokens);
        });
        let message = text(run(visit(&endpoint(here, "Encrypt=false;Connect Timeout=1"))));
        let route = format!("sent on to 127.0.0.1,{port}");
        for part in [route.as_str(), parts[0], parts[1]] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}

#[test]
fn the_certificate_is_that_of_the_server_we_are_sent_on_to() {
    let there = Sandbox::start(Policy::Required, 32767);
    let port = there.address().port();
    // An address of the same machine that the certificate does not have.
    let other = "127.1";
    let sent_on_to = |host: &'static str| {
        let here = scripted(move |stream| {
            let mut peer = Peer(stream);
            peer.refuse_tls();
            peer.message();
            let mut tokens = Vec::new();
            EnvChange::Routing { port, host: host.into() }.encode(&mut tokens);
            tokens.extend(welcome(4096));
            peer.reply(&tokens);
        });
        let mut endpoint = trusting(&there, "Encrypt=false");
        (endpoint.host, endpoint.port) = (other.to_owned(), Some(here.port()));
        run(visit(&endpoint))
    };
    sent_on_to("localhost").unwrap();
    let message = text(sent_on_to(other));
    assert!(message.contains("'127.1'"), "{message}");
}

/// A program that prints what a file has; how often it ran is the number of lines in another.
fn by_program(sandbox: &Sandbox, more: &str) -> (Endpoint, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("cd '{}'; echo x >> asked; cat token", folder.path().display());
    let command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let mut endpoint = trusting(sandbox, more);
    (endpoint.user, endpoint.password) = (String::new(), Secret::default());
    endpoint.credential = Credential::Entra(TokenSource::Command(command));
    (endpoint, folder)
}

fn times_asked(folder: &tempfile::TempDir) -> usize {
    std::fs::read_to_string(folder.path().join("asked")).unwrap().lines().count()
}

#[test]
fn a_token_serves_until_a_server_refuses_it() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    let (endpoint, folder) = by_program(&sandbox, "ConnectRetryCount=1;ConnectRetryInterval=1");
    let changes_keys = || {
        let tenant = Tenant::default();
        sandbox.accept(&tenant);
        let json = format!(r#"{{"access_token": "{}", "expires_in": 3600}}"#, tenant.token("{}"));
        std::fs::write(folder.path().join("token"), json).unwrap();
    };
    changes_keys();
    run(async {
        let (one, two) = tokio::join!(visit(&endpoint), visit(&endpoint));
        one.and(two).unwrap();
    });
    run(visit(&endpoint)).unwrap();
    assert_eq!(times_asked(&folder), 1);
    changes_keys();
    run(visit(&endpoint)).unwrap();
    assert_eq!(times_asked(&folder), 2);
    // A new one that is refused is not tried again.
    sandbox.accept(&Tenant::default());
    let message = text(run(visit(&endpoint)));
    assert!(message.contains("18456"), "{message}");
    assert_eq!(times_asked(&folder), 3);
}

#[test]
fn a_token_of_unknown_life_serves_once() {
    let sandbox = Sandbox::start(Policy::Strict, 32767);
    let (endpoint, folder) = by_program(&sandbox, "Encrypt=strict");
    let tenant = Tenant::default();
    sandbox.accept(&tenant);
    std::fs::write(folder.path().join("token"), tenant.token("{}") + "\n").unwrap();
    for asked in 1..3 {
        run(visit(&endpoint)).unwrap();
        assert_eq!(times_asked(&folder), asked);
    }
}

#[test]
fn a_token_is_not_sent_where_only_the_login_is_encrypted() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    let (mut endpoint, folder) = by_program(&sandbox, "");
    let tenant = Tenant::default();
    sandbox.accept(&tenant);
    std::fs::write(folder.path().join("token"), tenant.token("{}")).unwrap();
    // What a connection string cannot say.
    endpoint.encrypt = Encrypt::Optional;
    let message = text(run(visit(&endpoint)));
    assert!(message.contains("under TLS only"), "{message}");
}

#[test]
fn a_server_that_sends_us_in_circles() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut peer = Peer(stream.unwrap());
            peer.refuse_tls();
            peer.message();
            let mut tokens = Vec::new();
            EnvChange::Routing { port: address.port(), host: "localhost".into() }.encode(&mut tokens);
            tokens.extend(welcome(4096));
            peer.reply(&tokens);
        }
    });
    let message = text(run(visit(&endpoint(address, "Encrypt=false"))));
    assert!(message.contains("from host to host"), "{message}");
}

/// `message`, with one byte after the other made wrong in two ways.
fn corrupted(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..message.len()).flat_map(move |at| {
        [0x00, 0xFF].map(|wrong| {
            let mut message = message.to_vec();
            message[at] = if message[at] == wrong { 0x7F } else { wrong };
            message
        })
    })
}

#[test]
fn no_corrupted_byte_of_the_login_is_more_than_an_error() {
    let mut prelogin = Vec::new();
    frame(
        kind::REPLY,
        b"\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x10\x00\x10\x8c\x00\x00\x02",
        4096,
        &mut prelogin,
    );
    let mut login = Vec::new();
    frame(kind::REPLY, &welcome(4096), 4096, &mut login);
    for prelogin in corrupted(&prelogin) {
        let address = scripted(move |stream| {
            let mut peer = Peer(stream);
            peer.message();
            peer.send(&prelogin);
        });
        let error = run(visit(&endpoint(address, "Encrypt=false"))).unwrap_err();
        assert_eq!(error.exit_code(), Code::Connect, "{error}");
    }
    for login in corrupted(&login) {
        let address = scripted(move |stream| {
            let mut peer = Peer(stream);
            peer.refuse_tls();
            peer.message();
            peer.send(&login);
        });
        let error = run(visit(&endpoint(address, "Encrypt=false"))).unwrap_err();
        assert_eq!(error.exit_code(), Code::Connect, "{error}");
    }
}
