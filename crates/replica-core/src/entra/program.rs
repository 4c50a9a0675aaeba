//! A token that a program prints: the user's own, or the Azure CLI. No shell is between.
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Fresh, shown};
use crate::config::Secret;
use crate::error::{Error, Result};

/// More than any token and what is beside it.
const MOST_OUTPUT: u64 = 256 << 10;
const PAUSE: Duration = Duration::from_millis(10);

/// `access_token_command`: a token, or JSON as `az account get-access-token` prints it.
pub(super) async fn token(words: &[String]) -> Result<Fresh> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| Error::usage("access_token_command is empty"))?;
    let output = output(program, arguments).await.map_err(|why| {
        Error::connect(format!("no token: access_token_command {program}: {why}"))
            .remedy("Try the command as the user that runs the tool: cron sets neither PATH nor HOME as a login does.")
    })?;
    match String::from_utf8(output) {
        Ok(text) if !text.trim_start().starts_with('{') => Fresh::bare(&text, "access_token_command"),
        Ok(text) => Fresh::of_json(text.as_bytes(), "access_token_command"),
        Err(_) => Err(Error::connect("no token: what access_token_command gives is no text")),
    }
}

/// The token of whoever has logged in with `az login`.
pub(super) async fn of_azure_cli(resource: &str) -> Result<Fresh> {
    let arguments = ["account", "get-access-token", "--resource", resource, "-o", "json"].map(str::to_owned);
    let output =
        output("az", &arguments).await.map_err(|why| Error::connect(format!("no token: az: {why}")))?;
    Fresh::of_json(&output, "az")
}

/// What the program prints, or why there is nothing. It is killed if nobody waits any more, with what it has started.
async fn output(program: &str, arguments: &[String]) -> Result<Vec<u8>, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such program on the PATH".to_owned(),
        _ => error.to_string(),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let watched = Watched(Arc::new(Mutex::new(Some(child))));
    let (tell, told) = oneshot::channel();
    let child = watched.0.clone();
    // A thread of our own: tokio would wait at the end of the process for one that it knows.
    thread::spawn(move || {
        let said = thread::spawn(move || stderr.map(read).transpose());
        let printed = stdout.map(read).transpose();
        let said = said.join().ok().and_then(Result::ok).flatten().unwrap_or_default();
        // Nobody is there to be told if time was up.
        let _ = tell.send(ended(&child).and_then(|status| Ok((status, printed?.unwrap_or_default(), said))));
    });
    let (status, printed, said) =
        told.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    if !status.success() {
        let said = shown(&String::from_utf8_lossy(&said), &Secret::default());
        return Err(if said.is_empty() { status.to_string() } else { format!("{status}: {said}") });
    }
    if printed.len() as u64 > MOST_OUTPUT {
        return Err(format!("it prints more than {} KiB", MOST_OUTPUT >> 10));
    }
    Ok(printed)
}

/// All of a pipe, as far as it is of interest.
fn read(mut pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.by_ref().take(MOST_OUTPUT + 1).read_to_end(&mut bytes)?;
    io::copy(&mut pipe, &mut io::sink())?;
    Ok(bytes)
}

fn ended(child: &Mutex<Option<Child>>) -> io::Result<ExitStatus> {
    loop {
        let mut running = locked(child);
        let status = running.as_mut().map(Child::try_wait).transpose()?.flatten();
        if let Some(status) = status {
            // Its number may soon be somebody else's.
            *running = None;
            return Ok(status);
        }
        drop(running);
        thread::sleep(PAUSE);
    }
}

fn locked(child: &Mutex<Option<Child>>) -> MutexGuard<'_, Option<Child>> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that ends with the interest in it; `None` once it has ended.
struct Watched(Arc<Mutex<Option<Child>>>);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(child) = locked(&self.0).as_mut() {
            kill(child);
        }
    }
}

/// A script's own programs are in its group: killing the script alone would leave them behind.
#[cfg(unix)]
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    // It may be ending just now.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn run(words: &[&str], limit: Duration) -> Option<Result<String, String>> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ran =
            runtime.block_on(async { tokio::time::timeout(limit, output(&words[0], &words[1..])).await });
        ran.ok().map(|ran| ran.map(|bytes| String::from_utf8(bytes).unwrap()))
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_prints_a_token_or_says_why_not() {
        assert_eq!(run(&["echo", "a b", "$HOME"], LONG), Some(Ok("a b $HOME\n".into())));
        let failed = run(&["sh", "-c", "echo first; echo why >&2; exit 3"], LONG).unwrap().unwrap_err();
        assert_eq!(failed, "exit status: 3: why");
        let missing = run(&["no-such-program-here"], LONG).unwrap().unwrap_err();
        assert!(missing.contains("no such program"), "{missing}");
        let endless = run(&["sh", "-c", "head -c 9000000 /dev/zero"], LONG).unwrap().unwrap_err();
        assert!(endless.contains("256 KiB"), "{endless}");
    }

    #[test]
    fn a_token_on_stderr_is_not_shown() {
        let script = "echo 'got eyJhbGciOi.eyJzdWI.c2ln, not used' >&2; exit 1";
        let failed = run(&["sh", "-c", script], LONG).unwrap().unwrap_err();
        assert_eq!(failed, "exit status: 1: got ***, not used");
        assert_eq!(run(&["sh", "-c", "kill -9 $$"], LONG), Some(Err("signal: 9 (SIGKILL)".into())));
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started() {
        let begun = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Both hold the pipe's other end for as long as they live.
        let script = format!("exec 3> {}; sleep 600 & sleep 600", pipe.display());
        let reader = thread::spawn(move || std::fs::read(pipe).unwrap());
        assert_eq!(run(&["sh", "-c", &script], Duration::from_millis(500)), None);
        assert_eq!(reader.join().unwrap(), b"");
        assert!(begun.elapsed() < LONG);
    }
}
