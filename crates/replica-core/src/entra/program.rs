//! A token that a program prints: the user's own, or the Azure CLI. No shell is between.
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Fresh;
use crate::error::{Error, Result};
use crate::report::one_line;

/// More than any token and what is beside it.
const MOST_OUTPUT: u64 = 256 << 10;
/// Of what a program says on stderr.
const MOST_SAID: usize = 300;
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

/// What the program prints, or why there is nothing. It is killed if nobody waits any more.
async fn output(program: &str, arguments: &[String]) -> Result<Vec<u8>, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such program on the PATH".to_owned(),
        _ => error.to_string(),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let watched = Watched(Arc::new(Mutex::new(child)));
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
        let said: String = one_line(&String::from_utf8_lossy(&said)).chars().take(MOST_SAID).collect();
        return Err(format!("{status}: {}", said.trim()));
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

fn ended(child: &Mutex<Child>) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = locked(child).try_wait()? {
            return Ok(status);
        }
        thread::sleep(PAUSE);
    }
}

fn locked(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that ends with the interest in it.
struct Watched(Arc<Mutex<Child>>);

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended.
        let _ = locked(&self.0).kill();
    }
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
    fn a_program_that_hangs_is_ended() {
        let begun = Instant::now();
        assert_eq!(run(&["sleep", "600"], Duration::from_millis(200)), None);
        assert!(begun.elapsed() < LONG);
    }
}
