//! Ctrl-C and SIGTERM: the first asks the run to stop and clean up, the second ends it at once.
use std::io;

use tokio::sync::watch;

use crate::error::{Error, Kind, Result};

/// Which signal asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: `kill`, a service manager, a shutdown.
    Terminate,
}

impl Signal {
    /// The error that a run ends with when it was stopped.
    pub fn error(self) -> Error {
        match self {
            Self::Interrupt => Error::new(Kind::Interrupted, "stopped by SIGINT"),
            Self::Terminate => Error::new(Kind::Terminated, "stopped by SIGTERM"),
        }
    }
}

/// Whether someone has asked to stop. Clones see the same.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    /// Listens for signals from now on, on the current tokio runtime. A second signal exits the process
    /// with the code of the first.
    ///
    /// # Errors
    /// The system does not let us listen.
    pub fn on_signals() -> io::Result<Self> {
        let mut signals = Signals::new()?;
        let (sender, receiver) = watch::channel(None);
        tokio::spawn(async move {
            let first = signals.next().await;
            // Nobody may be left to hear it; the second signal counts all the same.
            sender.send_replace(Some(first));
            log::warn!("{}: cleaning up; a second signal stops at once", first.error());
            signals.next().await;
            std::process::exit(first.error().exit_code().number().into());
        });
        Ok(Self(receiver))
    }

    /// Waits for a signal.
    pub async fn requested(&self) -> Signal {
        let mut receiver = self.0.clone();
        // Copied out: what wait_for lends is not to be held while waiting, or tasks could not wait.
        let heard = receiver.wait_for(Option::is_some).await.map(|signal| *signal);
        match heard {
            Ok(signal) => signal.unwrap_or(Signal::Terminate),
            // The sender is gone without a signal: none will come.
            Err(_) => std::future::pending().await,
        }
    }

    /// Lets so much time pass, unless a signal comes first.
    ///
    /// # Errors
    /// Of kind `Interrupted` or `Terminated`.
    pub async fn pause(&self, time: std::time::Duration) -> Result<()> {
        self.or(async {
            tokio::time::sleep(time).await;
            Ok(())
        })
        .await
    }

    /// Runs `work` to its end or to the first signal, whichever comes first; then `work` is dropped.
    ///
    /// # Errors
    /// Those of `work`, or kind `Interrupted` or `Terminated`.
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            signal = self.requested() => Err(signal.error()),
            done = work => done,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Code;

    fn run<F: Future>(work: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn work_ends_at_the_first_signal() {
        run(async {
            let (sender, receiver) = watch::channel(None);
            let stop = Stop(receiver);
            assert_eq!(stop.or(async { Ok(7) }).await.unwrap(), 7);
            sender.send_replace(Some(Signal::Terminate));
            let stopped = stop.or(std::future::pending::<Result<()>>()).await.unwrap_err();
            assert_eq!(stopped.exit_code(), Code::Terminated);
        });
    }

    #[test]
    fn without_signals_work_goes_on() {
        // Nobody is left who could tell of one.
        let stop = Stop(watch::channel(None).1);
        assert_eq!(run(stop.or(async { Ok(7) })).unwrap(), 7);
    }
}
