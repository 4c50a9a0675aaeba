//! From the command line to a server that runs until it is told to stop.
use crate::args::{Args, Dataset};
use replica_sandbox::data::{nycflights13, sales};
use replica_sandbox::engine::batch;
use replica_sandbox::engine::heard::Heard;
use replica_sandbox::engine::{Engine, EngineOptions, Login, Password, Session, Storage};
use replica_sandbox::error::SqlError;
use replica_sandbox::server::tls::Identity;
use replica_sandbox::server::{Recorder, Server, ServerOptions, Tokens};
use replica_sandbox::values::CollationId;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

const PASSWORD_VARIABLE: &str = "REPLICA_SANDBOX_PASSWORD";
/// For a sandbox that listens on this machine only and holds no secrets.
const DEFAULT_PASSWORD: &str = "Replica-Sandbox-1";

/// Starts the server, says where it listens, and serves until SIGTERM or SIGINT.
pub fn run(args: Args) -> Result<(), Box<dyn Error>> {
    if let Some(dataset) = args.print_ddl {
        return Ok(std::io::stdout().lock().write_all(ddl(dataset).as_bytes())?);
    }
    let password = password(args.password_file.as_deref())?;
    let identity = identity(&args)?;
    if let Some(path) = &args.write_ca {
        let authority =
            identity.authority.as_ref().ok_or("--write-ca goes with a made-up certificate, not --cert")?;
        std::fs::write(path, authority)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    let recorder = args.record.as_deref().map(recorder).transpose()?;
    let tokens = args.accept_tokens.as_deref().map(tokens).transpose()?;
    let storage = args.data_dir.clone().map_or(Storage::Memory, Storage::Folder);
    let options = EngineOptions { sa_password: password.clone(), server_name: "REPLICA-SANDBOX".to_owned() };
    let engine = Engine::open(storage, options)?;
    let login =
        Login { user: "sa".to_owned(), password, program: "replica-sandbox".to_owned(), ..Login::default() };
    let mut session = engine.connect(&login)?;
    for database in args.database.iter().chain(&args.empty) {
        create_database(&mut session, database)?;
    }
    drop(session);
    if args.load.is_some() || args.generate.is_some() {
        bring_data(&engine, &login, &args)?;
    }
    if let Some(database) = &args.empty {
        let mut session = engine.connect(&Login { database: database.clone(), ..login.clone() })?;
        for dataset in args.load.into_iter().chain(args.generate) {
            run_batch(&mut session, ddl(dataset), |_| false)?;
        }
    }
    for file in &args.run {
        run_script(&mut engine.connect(&login)?, file)?;
    }

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (policy, max_packet_size, keytab) = (args.encrypt, args.max_packet_size, args.keytab);
        let options = ServerOptions { policy, identity, max_packet_size, tokens, recorder, keytab };
        let server = Server::bind(&args.listen, engine, options).await?;
        announce(&server)?;
        server
            .run(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await;
        Ok(())
    })
}

fn ddl(dataset: Dataset) -> &'static str {
    match dataset {
        Dataset::NycFlights13 => nycflights13::SCHEMA,
        Dataset::Sales => sales::SCHEMA,
    }
}

/// Fills the first database that was asked for.
fn bring_data(engine: &Arc<Engine>, login: &Login, args: &Args) -> Result<(), Box<dyn Error>> {
    let database =
        args.database.first().ok_or("--load and --generate need a --database to put the tables in")?;
    let mut session = engine.connect(&Login { database: database.clone(), ..login.clone() })?;
    let collation = engine
        .instance()
        .databases
        .values()
        .find(|known| known.name.eq_ignore_ascii_case(database))
        .map_or(CollationId::SERVER_DEFAULT, |known| known.collation);
    if args.load.is_some() {
        for (table, rows) in nycflights13::load_all(&mut session, collation)? {
            log::info!("{database}.dbo.{table}: {rows} rows");
        }
    }
    if args.generate.is_some() {
        let rows = sales::generate(&mut session, collation, args.rows, args.seed)?;
        log::info!("{database}.dbo.APP_4_SALES: {rows} rows");
    }
    Ok(())
}

fn announce(server: &Server) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", server.address()?)?;
    stdout.flush()
}

fn recorder(path: &Path) -> Result<Recorder, String> {
    Recorder::open(path).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn tokens(path: &Path) -> Result<Tokens, String> {
    Tokens::of(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn password(file: Option<&Path>) -> Result<Password, Box<dyn Error>> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        return Ok(text.trim_end_matches(['\r', '\n']).into());
    }
    Ok(Password(std::env::var(PASSWORD_VARIABLE).unwrap_or_else(|_| DEFAULT_PASSWORD.to_owned())))
}

fn identity(args: &Args) -> Result<Identity, Box<dyn Error>> {
    Ok(match (&args.cert, &args.key) {
        (Some(certificate), Some(key)) => Identity::read(certificate, key)?,
        (None, None) => Identity::generate()?,
        _ => return Err("--cert and --key go together".into()),
    })
}

fn create_database(session: &mut Session, name: &str) -> Result<(), SqlError> {
    let quoted = name.replace(']', "]]");
    // It is there already (Microsoft docs, error 1801): a data folder that is used again.
    run_batch(session, &format!("CREATE DATABASE [{quoted}]"), |error| error.number == 1801)
}

/// Runs the batches of a file, as sqlcmd would.
fn run_script(session: &mut Session, file: &Path) -> Result<(), Box<dyn Error>> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    for batch in batches(&text) {
        run_batch(session, &batch, |_| false).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn batches(text: &str) -> Vec<String> {
    let mut batches = vec![String::new()];
    for line in text.lines() {
        match batches.last_mut() {
            Some(batch) if !line.trim().eq_ignore_ascii_case("go") => {
                batch.push_str(line);
                batch.push('\n');
            }
            _ => batches.push(String::new()),
        }
    }
    batches.retain(|batch| !batch.trim().is_empty());
    batches
}

fn run_batch(session: &mut Session, sql: &str, forgive: impl Fn(&SqlError) -> bool) -> Result<(), SqlError> {
    let mut answer = Heard::default();
    // Without a client nothing can be cancelled.
    let ran = batch(session, sql, &mut [], &mut answer);
    debug_assert_eq!(ran, Ok(()));
    match answer.error {
        Some(error) if !forgive(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn go_parts_batches() {
        assert_eq!(
            batches("use a\nGO\n\n go \nselect 1\nselect 'go'\n"),
            ["use a\n", "select 1\nselect 'go'\n"]
        );
        assert!(batches("go\n").is_empty());
    }
}
