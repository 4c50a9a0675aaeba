//! Logins by a token of Entra: the real binary, a sandbox that checks tokens, and stand-ins for whoever gives them.
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use replica_testkit::{Pair, Program, ProgramExit, Server, Tenant, Web, WebProxy, WebReply};

const BINARY: &str = env!("CARGO_BIN_EXE_replicate-reference-tables");
static TENANT: LazyLock<Tenant> = LazyLock::new(Tenant::default);
static TOKEN: LazyLock<String> = LazyLock::new(|| TENANT.token("{}"));
const SECRET: &str = "hunter2-secret~";
/// What a test's own environment may have of all this.
const VARIABLES: [&str; 14] = [
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// A pair of databases with one row to copy, on a server that takes the tokens of [`TENANT`].
fn pair() -> Pair {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY)");
    pair.source("INSERT INTO dbo.t (id) VALUES (1)");
    pair.server.accept_tokens(&TENANT.trust("{}"));
    pair
}

/// The tool, which logs in on both sides with these keys of `replica.toml`.
fn tool(pair: &Pair, login: &str) -> Program {
    let (place, authority) = pair.server.place();
    let side = |name: &str, database: &str| {
        format!(
            "[{name}]\nserver = \"{place}\"\ndatabase = \"{database}\"\nserver_certificate = \"{}\"\n\
             connect_timeout = 5\nconnect_retry_count = 0\n{login}\n",
            authority.display()
        )
    };
    let toml = side("source", &pair.source.name) + &side("target", &pair.target.name);
    let program = VARIABLES.iter().fold(Program::new(BINARY), |program, name| program.with(name, ""));
    program.file("replica.toml", &toml).with("RUST_LOG", "trace")
}

/// Runs, and looks for secrets in what is said.
#[track_caller]
fn run(program: &Program) -> ProgramExit {
    let run = program.run(&["dbo.t"]);
    let (_, signature) = TOKEN.rsplit_once('.').unwrap();
    for secret in ["hunter2", signature] {
        assert!(!run.to_string().contains(secret), "a secret is shown\n{run}");
    }
    run
}

#[track_caller]
fn copies(pair: &Pair, program: &Program) {
    let run = run(program).exits(0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 1, "{run}");
}

/// The error ends the run with code 3, on the last line of stderr.
#[track_caller]
fn fails(program: &Program, parts: &[&str]) {
    let begun = Instant::now();
    let run = run(program).exits(3);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}\n{run}", begun.elapsed());
    let errors: Vec<_> =
        run.stderr.lines().filter(|line| line.contains("ERROR") || line.contains("error:")).collect();
    let last = run.stderr.lines().last().unwrap_or_default();
    for part in parts {
        assert!(last.contains(part), "{part:?} is not in the last line\n{errors:?}\n{run}");
    }
}

fn given(life: u64) -> WebReply {
    WebReply::Json(
        200,
        format!(r#"{{"token_type": "Bearer", "expires_in": {life}, "access_token": "{}"}}"#, *TOKEN),
    )
}

/// An application in the tenant `t` that shows its secret to this endpoint.
fn application(pair: &Pair, web: &Web) -> Program {
    tool(
        pair,
        "authentication = \"Active Directory Service Principal\"\nuser = \"app@t\"\npassword_env = \"PW\"",
    )
    .with("PW", SECRET)
    .with("AZURE_AUTHORITY_HOST", &format!("https://{}", web.place()))
    .with("SSL_CERT_FILE", &web.authority().display().to_string())
}

fn executable(program: &Program, name: &str, script: &str) {
    let path = program.folder().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_token_from_a_file() {
    let pair = pair();
    let program = tool(&pair, "access_token_file = \"token\"");
    fails(&program, &["access_token_file", "token"]);
    copies(&pair, &program.file("token", &format!("{}\n", *TOKEN)));
    // Three packets of a login.
    let long = TENANT.token(&format!(r#"{{"groups": "{}"}}"#, "x".repeat(3000)));
    copies(&pair, &tool(&pair, "access_token_file = \"token\"").file("token", &long));
}

#[test]
fn a_token_from_a_program() {
    let pair = pair();
    let program = tool(&pair, "access_token_command = [\"./give\", \"two words\", \"$HOME\"]");
    fails(&program, &["access_token_command", "no such program"]);
    executable(&program, "give", &format!("[ \"$1$2\" = 'two words$HOME' ] && echo {}", *TOKEN));
    copies(&pair, &program);
    executable(&program, "give", "echo not logged in >&2; exit 1");
    fails(&program, &["exit status: 1: not logged in"]);
    executable(&program, "give", &format!("echo 'DEBUG: got {}' >&2; exit 1", *TOKEN));
    fails(&program, &["exit status: 1: DEBUG: got ***"]);
    executable(&program, "give", "sleep 600");
    fails(&program, &["no token of Entra within 5 s"]);
}

#[test]
fn tokens_that_the_server_refuses() {
    let pair = pair();
    let other = Tenant::default();
    for (token, trust, parts) in [
        (
            TENANT.token(r#"{"appid": "stranger"}"#),
            "{}",
            ["state 1)", "<token-identified principal>", "FROM EXTERNAL PROVIDER"],
        ),
        (TENANT.token(r#"{"exp": 1}"#), "{}", ["state 233", "Token is expired", "time is up"]),
        (
            TENANT.token(r#"{"aud": "https://management.azure.com/"}"#),
            "{}",
            ["18456", "Incorrect or invalid token", "https://database.windows.net/"],
        ),
        (
            TENANT.token("{}"),
            r#"{"tenant": "u"}"#,
            ["18456", "not currently configured", "another tenant or cloud"],
        ),
        (other.token("{}"), "{}", ["18456", "Incorrect or invalid token", "none for this server"]),
        (TENANT.token("{}"), r#"{"firewall": "closed"}"#, ["40615", "127.0.0.1", "firewall"]),
        (
            TENANT.token("{}"),
            r#"{"users": {"app": "nobody"}}"#,
            ["18456", "<token-identified principal>", "user"],
        ),
    ] {
        pair.server.accept_tokens(&TENANT.trust(trust));
        fails(&tool(&pair, "access_token_file = \"token\"").file("token", &token), &parts);
    }
}

#[test]
fn no_token_without_tls() {
    let pair = pair();
    let program = tool(&pair, "access_token_file = \"token\"\nencrypt = false").file("token", &TOKEN);
    run(&program).exits(2).says("under TLS only");
}

#[test]
fn an_application_with_its_secret() {
    let pair = pair();
    let web = Web::secure(|_| given(3600));
    copies(&pair, &application(&pair, &web));
    // Both sides have connections, and one token.
    let [request] = &web.requests()[..] else { panic!("{:?}", web.requests()) };
    assert!(request.starts_with("POST /t/oauth2/v2.0/token HTTP/1.1\r\nHost: localhost:"), "{request}");
    let (_, form) = request.split_once("\r\n\r\n").unwrap();
    let scope = "https%3A%2F%2Fdatabase%2Ewindows%2Enet%2F%2Edefault";
    assert_eq!(
        form,
        format!(
            "client_id=app&scope={scope}&grant_type=client%5Fcredentials&client_secret=hunter2%2Dsecret%7E"
        )
    );
}

#[test]
fn a_token_near_its_end_is_renewed() {
    let pair = pair();
    let web = Web::secure(|_| given(200));
    copies(&pair, &application(&pair, &web));
    assert!(web.requests().len() > 1, "each connection asks");
}

#[test]
fn endpoints_that_give_no_token() {
    let pair = pair();
    let says = |status: u16, text: &str| {
        let body = format!(r#"{{"error": "x", "error_description": "{text}\r\nTrace ID: 1"}}"#);
        Web::secure(move |_| WebReply::Json(status, body.clone()))
    };
    let raw = |bytes: Vec<u8>| Web::secure(move |_| WebReply::Raw(bytes.clone()));
    let long = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 4 << 20]].concat();
    for (web, parts) in [
        (says(400, "AADSTS90002: Tenant 't' not found."), vec!["AADSTS90002", "Check the tenant"]),
        (
            says(401, "AADSTS7000215: Invalid client secret hunter2-secret~"),
            vec!["AADSTS7000215", "secret's value"],
        ),
        (says(503, "Service busy"), vec!["status 503: Service busy"]),
        (raw(b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\n\r\n".to_vec()), vec!["status 302"]),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n{garbage hunter2".to_vec()), vec!["is not JSON"]),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n{}".to_vec()), vec!["no access_token"]),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), vec!["does not speak HTTP"]),
        (raw(long), vec!["more than 256 KiB"]),
        (Web::secure(|_| WebReply::Silence), vec!["no token", "within 5 s"]),
    ] {
        fails(&application(&pair, &web), &[&[web.place().as_str(), "no token"][..], &parts].concat());
    }
}

#[test]
fn an_endpoint_that_wants_to_be_left_alone_is() {
    let pair = pair();
    let asked = AtomicUsize::new(0);
    let web = Web::secure(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => WebReply::Raw(
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        _ => given(3600),
    });
    let program = application(&pair, &web);
    let toml = program.folder().join("replica.toml");
    let patient = std::fs::read_to_string(&toml).unwrap().replace("connect_retry_count = 0\n", "");
    std::fs::write(toml, patient).unwrap();
    let begun = Instant::now();
    copies(&pair, &program);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(web.requests().len(), 2);
}

#[test]
fn an_endpoint_that_nobody_vouches_for() {
    let pair = pair();
    let web = Web::secure(|_| given(3600));
    let other = Web::secure(|_| given(3600));
    let program = application(&pair, &web).with("SSL_CERT_FILE", &other.authority().display().to_string());
    fails(&program, &["no token", "certificate is not trusted", "SSL_CERT_FILE"]);
    assert_eq!(web.requests(), Vec::<String>::new(), "the secret is not sent");
}

#[test]
fn an_authority_without_tls_gets_no_secret() {
    let pair = pair();
    let web = Web::plain(|_| given(3600));
    let program = application(&pair, &web).with("AZURE_AUTHORITY_HOST", &format!("http://{}", web.place()));
    run(&program).exits(2).says("AZURE_AUTHORITY_HOST");
    assert_eq!(web.requests(), Vec::<String>::new());
}

#[test]
fn through_a_proxy() {
    let pair = pair();
    let web = Web::secure(|_| given(3600));
    let proxy = WebProxy::start();
    let place = format!("http://u:p@{}", proxy.address());
    copies(&pair, &application(&pair, &web).with("HTTPS_PROXY", &place));
    let asked = proxy.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", web.place())), "{asked:?}");
    assert!(asked[0].contains("Proxy-Authorization: Basic dTpw\r\n"), "{asked:?}");
    copies(&pair, &application(&pair, &web).with("HTTPS_PROXY", &place).with("NO_PROXY", "localhost"));
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn a_workload_that_somebody_vouches_for() {
    let pair = pair();
    let web = Web::secure(|_| given(3600));
    let login = "authentication = \"ActiveDirectoryWorkloadIdentity\"";
    let program = |with: Program| {
        with.with("AZURE_AUTHORITY_HOST", &format!("https://{}/", web.place()))
            .with("SSL_CERT_FILE", &web.authority().display().to_string())
            .with("AZURE_CLIENT_ID", "app")
            .with("AZURE_TENANT_ID", "t")
    };
    run(&program(tool(&pair, login))).exits(2).says("AZURE_FEDERATED_TOKEN_FILE");
    let with = program(tool(&pair, login)).file("assertion", "hunter2.assertion\n");
    copies(&pair, &with.with("AZURE_FEDERATED_TOKEN_FILE", "assertion"));
    let form = web.requests().remove(0);
    assert!(
        form.contains("client_id=app&") && form.ends_with("&client_assertion=hunter2%2Eassertion"),
        "{form}"
    );
    assert!(form.contains("jwt%2Dbearer&"), "{form}");
}

#[test]
fn the_app_services_identity() {
    let pair = pair();
    let web = Web::plain(|_| given(3600));
    let program = tool(&pair, "authentication = \"Active Directory MSI\"\nuser = \"client-7\"")
        .with("IDENTITY_ENDPOINT", &format!("http://{}/msi/token", web.address()))
        .with("IDENTITY_HEADER", "hunter2-header")
        // Nobody leads the way to one's own machine.
        .with("HTTPS_PROXY", "http://127.0.0.1:1");
    copies(&pair, &program);
    let request = web.requests().remove(0);
    let resource = "https%3A%2F%2Fdatabase%2Ewindows%2Enet%2F";
    let line = format!(
        "GET /msi/token?api-version=2019-08-01&resource={resource}&client_id=client%2D7 HTTP/1.1\r\n"
    );
    assert!(request.starts_with(&line), "{request}");
    assert!(request.contains("X-IDENTITY-HEADER: hunter2-header\r\n"), "{request}");
    let injected = program.with("IDENTITY_HEADER", "hunter2\r\nX: y");
    run(&injected).exits(2).says("X-IDENTITY-HEADER");
}

#[test]
fn the_machines_identity() {
    let pair = pair();
    let web = Web::plain(|request| {
        let begins = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
        if request.starts_with(begins) && request.contains("Metadata: true\r\n") {
            let end = "9999999999";
            return WebReply::Json(
                200,
                format!(r#"{{"access_token": "{}", "expires_on": "{end}"}}"#, *TOKEN),
            );
        }
        WebReply::Json(
            400,
            r#"{"error": "invalid_request", "error_description": "Identity not found"}"#.into(),
        )
    });
    let host = |web: &Web| format!("http://{}", web.address());
    let login = "authentication = \"ActiveDirectoryManagedIdentity\"";
    copies(&pair, &tool(&pair, login).with("AZURE_POD_IDENTITY_AUTHORITY_HOST", &host(&web)));
    assert_eq!(web.requests().len(), 1);
    let none = Web::plain(|_| WebReply::Json(400, r#"{"error_description": "Identity not found"}"#.into()));
    let program = tool(&pair, login).with("AZURE_POD_IDENTITY_AUTHORITY_HOST", &host(&none));
    fails(&program, &["Identity not found", "Give the machine an identity"]);
    let arc =
        tool(&pair, login).with("IDENTITY_ENDPOINT", "http://127.0.0.1:40342/metadata/identity/oauth2/token");
    run(&arc).exits(2).says("Azure Arc");
}

#[test]
fn the_first_way_that_there_is() {
    let pair = pair();
    let silent = Web::plain(|_| WebReply::Silence);
    let login = "authentication = \"Active Directory Default\"";
    let bare = |program: Program| {
        program
            .with("AZURE_POD_IDENTITY_AUTHORITY_HOST", &format!("http://{}", silent.address()))
            .with("PATH", "/usr/bin:/bin")
    };
    let program = bare(tool(&pair, login));
    fails(
        &program,
        &[
            "environment: AZURE_CLIENT_SECRET is not set",
            "workload identity: AZURE_FEDERATED_TOKEN_FILE is not set",
            "managed identity: ",
            "no answer within 2 s",
            "az: there is no such program",
        ],
    );
    executable(
        &program,
        "az",
        &format!(
            "[ \"$*\" = 'account get-access-token --resource https://database.windows.net/ -o json' ] && \
             echo '{{\"accessToken\": \"{}\", \"expires_on\": 9999999999, \"tokenType\": \"Bearer\"}}'",
            *TOKEN
        ),
    );
    let path = format!("{}:/usr/bin:/bin", program.folder().display());
    let program = program.with("PATH", &path);
    copies(&pair, &program);

    let with_secret = |program: Program, web: &Web| {
        program
            .with("AZURE_AUTHORITY_HOST", &format!("https://{}", web.place()))
            .with("SSL_CERT_FILE", &web.authority().display().to_string())
            .with("AZURE_TENANT_ID", "t")
            .with("AZURE_CLIENT_ID", "app")
            .with("AZURE_CLIENT_SECRET", SECRET)
    };
    let web = Web::secure(|_| given(3600));
    copies(&pair, &with_secret(bare(tool(&pair, login)), &web));
    assert_eq!(web.requests().len(), 1);
    // Whom `az` would let in is somebody else.
    let expired = r#"{"error_description": "AADSTS7000222: The provided client secret keys are expired."}"#;
    let refuses = Web::secure(move |_| WebReply::Json(401, expired.to_owned()));
    fails(&with_secret(program, &refuses), &["by environment: no token", "AADSTS7000222", "make a new one"]);
}
