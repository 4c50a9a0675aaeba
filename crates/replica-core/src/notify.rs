//! Somebody is told how a run has ended: a program that is started, an address that is posted to.
//!
//! Neither changes how the run has ended. Whatever goes wrong is a warning, and takes no longer than `timeout_seconds`.
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::runtime::Builder;

use crate::config::{Config, Notify, NotifyAddress, NotifyWhen};
use crate::error::{Error, Result};
use crate::exit::Code;
use crate::http::{self, HttpRequest, Url};
use crate::report::Reporter;

/// How long a program or an address may take, unless the configuration says otherwise.
const USUAL: Duration = Duration::from_secs(10);
/// Between two looks at a program that is still at work.
const LOOK: Duration = Duration::from_millis(20);

/// Does what a run does, and tells whoever `[notify]` names how it has ended.
///
/// # Errors
/// Those of `run`.
pub fn told(
    config: &Config,
    tool: &str,
    reporter: &Reporter,
    run: impl FnOnce() -> Result<Code>,
) -> Result<Code> {
    let notify = &config.notify;
    if !notify.is_set() {
        return run();
    }
    // What is wrong with it is known before the night in which it is needed.
    let address = notify.address().unwrap_or_else(|error| {
        log::warn!("nothing will be posted: {error}");
        None
    });
    let (started, begun) = (OffsetDateTime::now_utc(), Instant::now());
    let result = run();
    let code = result.as_ref().map_or_else(Error::exit_code, |code| *code);
    let is_wanted = match notify.when {
        NotifyWhen::Always => true,
        NotifyWhen::Failure => !matches!(code, Code::Ok | Code::Busy),
    };
    if is_wanted {
        let record = json!({
            "tool": tool,
            "version": env!("CARGO_PKG_VERSION"),
            "host": gethostname::gethostname().to_string_lossy(),
            "pid": std::process::id(),
            "started": started.format(&Rfc3339).unwrap_or_default(),
            "seconds": begun.elapsed().as_millis() as f64 / 1000.0,
            "exit_code": code.number(),
            "outcome": outcome(code),
            "error": result.as_ref().err().map(ToString::to_string),
            "failures": reporter.failures(),
        });
        tell(notify, address, &record);
    }
    result
}

/// As the ledger and the record of runs name outcomes.
fn outcome(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Busy => "busy",
        Code::Interrupted => "interrupted",
        Code::Terminated => "terminated",
        Code::Failed | Code::Usage | Code::Connect => "failed",
    }
}

fn tell(notify: &Notify, address: Option<NotifyAddress>, record: &Value) {
    let (text, limit) = (record.to_string(), notify.timeout.unwrap_or(USUAL));
    if let Some(address) = address
        && let Err(error) = post(&address, &text, limit)
    {
        log::warn!("[notify] url: {error}");
    }
    if let Some((program, arguments)) = notify.command.split_first()
        && let Err(error) = start(program, arguments, text, limit)
    {
        log::warn!("[notify] command {program}: {error}");
    }
}

fn post(address: &NotifyAddress, text: &str, limit: Duration) -> Result<()> {
    let mut request = HttpRequest::post(Url::parse(address.url.expose())?, "application/json", text);
    if let Some(token) = &address.token {
        request = request.header("Authorization", &format!("Bearer {}", token.expose()))?;
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(http::send(&request, limit));
    // The system's name lookup can't be called off.
    runtime.shutdown_background();
    let answer = answer?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    Err(Error::connect(format!("the answer is {}", answer.status)).within(request.place()))
}

/// Without a shell, so that nothing in an argument means anything to one; and without the connection strings of our
/// environment, which have passwords.
fn start(program: &str, arguments: &[String], text: String, limit: Duration) -> io::Result<()> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("REPLICA_SOURCE")
        .env_remove("REPLICA_TARGET")
        .stdin(Stdio::piped())
        // stdout is for result lines.
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read must not hold us up. One that has heard enough is no failure.
        thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    }
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(status.to_string())),
            None if begun.elapsed() < limit => thread::sleep(LOOK),
            None => {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other(format!("no end within {} s", limit.as_secs())));
            }
        }
    }
}
