//! Clients that no one here wrote, against the real binary. `scripts/install-clients` installs them.
use crate::support::raw::RawClient;
use crate::support::{PASSWORD, RunningSandbox};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `scripts/install-clients` puts Python's and Node's packages.
const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/clients");

/// That folder, if the clients are there.
fn installed() -> Option<PathBuf> {
    let folder = PathBuf::from(CLIENTS);
    if folder.join("installed").exists() {
        return Some(folder);
    }
    // Where everything is to be tested, a test that is passed over is a failure.
    assert!(std::env::var_os("CI").is_none(), "run scripts/install-clients first");
    eprintln!("skipped: run scripts/install-clients first");
    None
}

/// A sandbox with the table of every type.
fn sandbox() -> RunningSandbox {
    filled(RunningSandbox::start(&["--database", "clients"]))
}

fn filled(sandbox: RunningSandbox) -> RunningSandbox {
    let table = include_str!("clients/every_type.sql");
    RawClient::login_to(sandbox.address, "clients").must(table);
    sandbox
}

/// Runs a client's script; it must end well.
fn run(program: &Path, script: &str) {
    let Some(clients) = installed() else { return };
    let sandbox = sandbox();
    let authority = sandbox.authority();
    run_against(&sandbox, &authority, &clients.join(program), script);
}

fn run_against(sandbox: &RunningSandbox, authority: &Path, program: &Path, script: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/clients");
    let output = Command::new(program)
        .arg(folder.join(script))
        .env("SANDBOX_HOST", "127.0.0.1")
        .env("SANDBOX_PORT", sandbox.address.port().to_string())
        .env("SANDBOX_PASSWORD", PASSWORD)
        .env("SANDBOX_CA", authority)
        .env("SANDBOX_NODE_MODULES", Path::new(CLIENTS).join("node/node_modules"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the client is installed");
    assert!(
        output.status.success(),
        "{script}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn python() -> &'static Path {
    Path::new("python/bin/python")
}

#[test]
fn freetds_tsql_and_freebcp() {
    run(Path::new("/bin/bash"), "freetds_client.sh");
}

#[test]
fn python_tds() {
    run(python(), "pytds_client.py");
}

#[test]
fn pymssql() {
    run(python(), "pymssql_client.py");
}

#[test]
fn freetds_odbc_pyodbc_and_sqlalchemy() {
    run(python(), "odbc_client.py");
}

#[test]
fn mssql_python() {
    run(python(), "mssql_python_client.py");
}

#[test]
fn mssql_python_by_tds_8() {
    let Some(clients) = installed() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let made =
        rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).expect("a certificate");
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let [certificate_name, key_name] = [&certificate, &key].map(|path| path.to_str().expect("a plain name"));
    let data = folder.path().join("data");
    let data = data.to_str().expect("a plain name");
    // The table is made by a client that knows nothing of TLS, and kept for one that knows nothing else.
    drop(filled(RunningSandbox::start(&["--database", "clients", "--data-dir", data])));
    let arguments =
        ["--data-dir", data, "--encrypt", "strict", "--cert", certificate_name, "--key", key_name];
    let sandbox = RunningSandbox::start_plain(&arguments);
    run_against(&sandbox, &certificate, &clients.join(python()), "mssql_python_strict.py");
}

#[test]
fn tedious() {
    run(Path::new("/usr/bin/node"), "tedious_client.js");
}
