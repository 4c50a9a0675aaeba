//! A server to test against.
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use replica_sandbox::data::sales;
use replica_sandbox::engine::{Engine, EngineOptions, Login, Storage};
pub use replica_sandbox::server::tls::Identity;
use replica_sandbox::server::{Policy, Server as Sandbox, ServerOptions, Tokens};
use replica_sandbox::values::CollationId;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::{Client, Tenant};

/// Names a server to run the tests on instead of the sandbox.
const VARIABLE: &str = "REPLICA_TEST_SERVER";
const PASSWORD: &str = "Secret-4711";
const TOKENS: &str = "tokens.json";
const AUTHORITY: &str = "ca.pem";
/// The largest that TDS knows ([MS-TDS] 2.2.6.4).
const PACKET_SIZE: usize = 32767;

/// A server; a sandbox ends with it.
pub struct Server {
    /// ADO.NET, without a database.
    connection: String,
    sandbox: Option<RunningSandbox>,
}

impl Server {
    /// The server that the tests are to run on.
    pub fn start() -> Self {
        match std::env::var(VARIABLE) {
            Ok(connection) if !connection.trim().is_empty() => {
                Self { connection: connection.trim_end_matches([';', ' ']).to_owned(), sandbox: None }
            }
            _ => Self::sandbox(),
        }
    }

    /// A sandbox, for what only it can do: faults on request.
    pub fn sandbox() -> Self {
        Self::sandbox_as(certificate())
    }

    /// A sandbox that shows this certificate.
    pub fn sandbox_as(identity: Identity) -> Self {
        Self::running(RunningSandbox::start(identity, None))
    }

    /// A sandbox that accepts Windows logins with these keys.
    pub fn sandbox_with_keytab(keytab: &Path) -> Self {
        Self::running(RunningSandbox::start(certificate(), Some(keytab.to_owned())))
    }

    fn running(sandbox: RunningSandbox) -> Self {
        let (address, port) = (sandbox.address.ip(), sandbox.address.port());
        let connection =
            format!("Server={address},{port};User Id=sa;Password={PASSWORD};TrustServerCertificate=true");
        Self { connection, sandbox: Some(sandbox) }
    }

    /// Where the sandbox listens.
    pub fn port(&self) -> Option<u16> {
        self.sandbox.as_ref().map(|sandbox| sandbox.address.port())
    }

    /// Is it the sandbox, which takes faults on request?
    pub fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// An ADO.NET string for one of its databases.
    pub fn connection(&self, database: &str) -> String {
        format!("{};Database={database}", self.connection)
    }

    /// The same for another login.
    pub fn connection_as(&self, database: &str, user: &str, password: &str) -> String {
        format!("{};User Id={user};Password={password}", self.connection(database))
    }

    /// Makes and fills `dbo.APP_4_SALES`, 184 columns of every type, as the sandbox's `--generate sales` does;
    /// `false` on another server, which cannot.
    pub fn generate_sales(&self, database: &str, rows: u64) -> bool {
        let Some(sandbox) = &self.sandbox else { return false };
        let login = Login {
            user: "sa".to_owned(),
            password: PASSWORD.into(),
            database: database.to_owned(),
            ..Login::default()
        };
        let mut session = sandbox.engine.connect(&login).expect("sa may log in");
        sales::generate(&mut session, CollationId::SERVER_DEFAULT, rows, 1).expect("rows are made");
        true
    }

    /// Lets in whose tokens this says (`--accept-tokens` of the sandbox; [`Tenant::trust`]).
    pub fn accept_tokens(&self, trust: &str) {
        let sandbox = self.sandbox.as_ref().expect("only a sandbox can be told whose tokens to take");
        std::fs::write(sandbox.folder.path().join(TOKENS), trust).expect("the temporary folder takes files");
    }

    /// `localhost,port` of a sandbox, and the file with the authority of its certificate.
    pub fn place(&self) -> (String, PathBuf) {
        let sandbox = self.sandbox.as_ref().expect("only a sandbox tells its authority");
        (format!("localhost,{}", sandbox.address.port()), sandbox.folder.path().join(AUTHORITY))
    }

    pub fn client(&self, database: &str) -> Client {
        Client::connect(&self.connection(database))
    }
}

fn certificate() -> Identity {
    Identity::generate().expect("a certificate")
}

/// A sandbox on threads of this process.
struct RunningSandbox {
    engine: Arc<Engine>,
    address: std::net::SocketAddr,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningSandbox {
    fn start(identity: Identity, keytab: Option<PathBuf>) -> Self {
        let options = EngineOptions { sa_password: PASSWORD.into(), server_name: "SANDBOX".to_owned() };
        let engine = Engine::open(Storage::Memory, options).expect("an engine");
        let folder = TempDir::new().expect("a temporary folder");
        let trust = folder.path().join(TOKENS);
        // Nobody has tokens of this tenant's.
        std::fs::write(&trust, Tenant::default().trust("{}")).expect("the temporary folder takes files");
        let tokens = Tokens::of(&trust).expect("a tenant");
        let authority = identity.authority.clone().unwrap_or_default();
        std::fs::write(folder.path().join(AUTHORITY), authority).expect("the temporary folder takes files");
        let policy = Policy::On;
        let options = ServerOptions {
            policy,
            identity,
            max_packet_size: PACKET_SIZE,
            tokens: Some(tokens),
            recorder: None,
            keytab,
        };
        let (stop, stopped) = oneshot::channel();
        let served = engine.clone();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let server = Sandbox::bind("127.0.0.1:0", served, options).await.expect("a free port");
                let _ = tell.send(server.address().expect("an address"));
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let address = told.recv().expect("the sandbox listens");
        Self { engine, address, folder, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
