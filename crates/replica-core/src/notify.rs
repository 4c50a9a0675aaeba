//! Somebody is told how a run has ended: a program that is started, an address that is posted to.
//!
//! Neither changes how the run has ended. Whatever goes wrong is a warning, and takes no longer than `timeout_seconds`.
use std::io::{self, Read, Write};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
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
use crate::report::{Reporter, one_line};

/// How long a program or an address may take, unless the configuration says otherwise.
const USUAL: Duration = Duration::from_secs(10);
/// Between two looks at a program that is still at work.
const LOOK: Duration = Duration::from_millis(20);
/// A program that has ended has said all: what is left is in the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// So many bytes of what it says are passed on.
const MOST_SAID: u64 = 2000;

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
    let Some(listener) = Listener::of(config) else { return run() };
    let begun = Began::now();
    let result = run();
    if let Some(record) = listener.record(tool, begun, &result, reporter.take_failures()) {
        let told = Instant::now();
        listener.tell(&record);
        reporter.spent("NOTIFY", told.elapsed());
    }
    result
}

/// When a run, or a round of one, began.
#[derive(Clone, Copy, Debug)]
pub struct Began(OffsetDateTime, Instant);

impl Began {
    /// Now.
    pub fn now() -> Self {
        Self(OffsetDateTime::now_utc(), Instant::now())
    }
}

/// Who is told of one run after another, within a program that goes on.
pub struct NotifiedRounds<'a> {
    listener: Option<Arc<Listener>>,
    tool: &'a str,
    reporter: &'a Reporter,
    /// How the last round ended: its exit code, and what had failed.
    last: Option<(Code, Vec<String>)>,
}

impl<'a> NotifiedRounds<'a> {
    /// Whoever `[notify]` names.
    pub fn of(config: &Config, tool: &'a str, reporter: &'a Reporter) -> Self {
        Self { listener: Listener::of(config).map(Arc::new), tool, reporter, last: None }
    }

    /// Tells how a round has ended, if the one before ended otherwise: what fails every minute is told once. `failed`: by
    /// what they are known.
    pub async fn ended(&mut self, begun: Began, result: &Result<Code>, failed: Vec<String>) {
        let failures = self.reporter.take_failures();
        let code = result.as_ref().map_or_else(Error::exit_code, |code| *code);
        let now = (code, failed);
        let is_news = match &self.last {
            Some(last) => *last != now,
            None => true,
        };
        self.last = Some(now);
        let Some(listener) = self.listener.clone().filter(|_| is_news) else { return };
        if let Some(record) = listener.record(self.tool, begun, result, failures) {
            // A program or a server that is slow is waited for on a thread that has nothing else to do.
            let told = tokio::task::spawn_blocking(move || listener.tell(&record)).await;
            if let Err(error) = told {
                log::warn!("[notify]: {error}");
            }
        }
    }
}

/// Whoever `[notify]` names.
struct Listener {
    notify: Notify,
    address: Option<NotifyAddress>,
}

impl Listener {
    /// `None`: nobody is to be told of anything.
    fn of(config: &Config) -> Option<Self> {
        let notify = config.notify.clone();
        if !notify.is_set() {
            return None;
        }
        // What is wrong with it is known before the night in which it is needed.
        let address = address(&notify).unwrap_or_else(|error| {
            log::warn!("nothing will be posted: {error}");
            None
        });
        Some(Self { notify, address })
    }

    /// What is to be told; `None`: it is not wanted.
    fn record(&self, tool: &str, begun: Began, result: &Result<Code>, failures: Vec<Value>) -> Option<Value> {
        let code = result.as_ref().map_or_else(Error::exit_code, |code| *code);
        let is_wanted = match self.notify.when {
            NotifyWhen::Always => true,
            NotifyWhen::Failure => !matches!(code, Code::Ok | Code::Busy),
        };
        let Began(started, begun) = begun;
        is_wanted.then(|| {
            json!({
                "tool": tool,
                "version": env!("CARGO_PKG_VERSION"),
                "host": gethostname::gethostname().to_string_lossy(),
                "pid": std::process::id(),
                "started": started.format(&Rfc3339).unwrap_or_default(),
                "seconds": begun.elapsed().as_millis() as f64 / 1000.0,
                "exit_code": code.number(),
                "outcome": outcome(code),
                "error": result.as_ref().err().map(ToString::to_string),
                "failures": failures,
            })
        })
    }

    fn tell(&self, record: &Value) {
        let (text, limit) = (record.to_string(), self.notify.timeout.unwrap_or(USUAL));
        if let Some(address) = &self.address
            && let Err(error) = post(address, &text, limit)
        {
            log::warn!("[notify] url: {error}");
        }
        if let Some((program, arguments)) = self.notify.command.split_first()
            && let Err(error) = start(program, arguments, text, limit)
        {
            log::warn!("[notify] command {program}: {error}");
        }
    }
}

/// Where runs are posted to, if anywhere.
///
/// # Errors
/// Of kind `Usage`: it is nowhere that can be posted to.
pub fn address(notify: &Notify) -> Result<Option<NotifyAddress>> {
    let address = notify.address()?;
    if let Some(address) = &address {
        Url::parse(address.url.expose())?;
    }
    Ok(address)
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
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_remove("REPLICA_SOURCE")
        .env_remove("REPLICA_TARGET")
        .stdin(Stdio::piped())
        // stdout is for result lines, stderr for lines of the log.
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    // What it has started ends with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read must not hold us up. One that has heard enough is no failure.
        thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    }
    let said = child.stderr.take().map(listen);
    let begun = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if begun.elapsed() < limit => thread::sleep(LOOK),
            None => {
                #[cfg(unix)]
                rustix::process::kill_process_group(
                    rustix::process::Pid::from_child(&child),
                    rustix::process::Signal::KILL,
                )?;
                #[cfg(not(unix))]
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other(format!("no end within {} s", limit.as_secs())));
            }
        }
    };
    // Whatever it has left running may keep the pipe open.
    let said = said.and_then(|said| said.recv_timeout(LAST_WORDS).ok()).unwrap_or_default();
    let said = one_line(String::from_utf8_lossy(&said).trim());
    match (status.success(), said.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => {
            log::info!("[notify] command {program}: {said}");
            Ok(())
        }
        (false, true) => Err(io::Error::other(status.to_string())),
        (false, false) => Err(io::Error::other(format!("{status}: {said}"))),
    }
}

/// The beginning of what a program says to its stderr, once it has ended. The rest is read, too, so that none waits for us.
fn listen(mut stderr: ChildStderr) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        let read = stderr.by_ref().take(MOST_SAID).read_to_end(&mut said);
        if sender.send(said).is_ok() && read.is_ok() {
            let _ = io::copy(&mut stderr, &mut io::sink());
        }
    });
    receiver
}
