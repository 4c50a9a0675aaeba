//! A run's own sessions that a server has not given up yet.
//!
//! When a network loses a connection without a word, the server learns of it from its keep-alive alone, which SQL Server
//! sends after 30 seconds of silence (Microsoft docs, "TCP/IP Properties (Protocols tab)", Keep Alive). Until then the
//! session holds what it held, and the next attempt meets it. So every session says whose it is (SET CONTEXT_INFO, which
//! others see in sys.dm_exec_sessions; the application's name is the user's), and what is found to be left of this
//! process is ended, or waited for.
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use twox_hash::XxHash3_128;

use super::Session;
use crate::catalog::record::CatalogRow;
use crate::error::Result;

/// A server is given so long to find out that a session's client is gone: keep-alive, some probes, and a rollback.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// What this process has left behind is over after so long, as far as nobody knows better.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// What the marks of all tools begin with.
const WORD: &str = "replica";

/// A process, as no other one ever is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    /// The system as it was started, and who sees whose numbers in it: a container counts its own.
    system: u64,
    id: u32,
    /// When it began, in the system's ticks.
    began: u64,
}

/// Which session of which process: 128 bytes at most, and readable as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    process: Process,
    number: u64,
}

static THIS: LazyLock<Process> = LazyLock::new(|| {
    let id = std::process::id();
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let numbers = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let system = format!("{} {}", read("/proc/sys/kernel/random/boot_id"), numbers.display());
    // Elsewhere than on Linux the time is as good to tell this process from others, but not to find one.
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let began = began("self").unwrap_or_else(|| now().as_nanos() as u64);
    Process { system: XxHash3_128::oneshot(system.as_bytes()) as u64, id, began }
});

/// When a living process began. `None`: there is none, or nobody can say.
fn began(process: &str) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // proc(5): the name, in parentheses, may hold anything. The state comes after it, and the time is the 20th from there.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    if is_dead { None } else { fields.nth(18)?.parse().ok() }
}

impl Process {
    /// Has it ended? Known of this system's only.
    fn has_ended(&self) -> bool {
        let here = self.system == THIS.system && began("self").is_some();
        here && began(&self.id.to_string()) != Some(self.began)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD} {:016x} {} {} ", self.system, self.id, self.began)
    }
}

impl Mark {
    /// The statement that puts it on the session.
    pub(super) fn statement(&self) -> String {
        let text = self.to_string();
        let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("SET CONTEXT_INFO 0x{digits}")
    }

    /// From what a server's view shows.
    fn read(context: &str) -> Option<Self> {
        let mut words = context.trim_end_matches('\0').split(' ');
        if words.next()? != WORD {
            return None;
        }
        let system = u64::from_str_radix(words.next()?, 16).ok()?;
        let (id, began) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let number = words.next()?.parse().ok()?;
        Some(Self { process: Process { system, id, began }, number })
    }
}

/// With a blank at its end: session 5's mark is not how session 51's begins.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} ", self.process, self.number)
    }
}

/// A session of the server whose client is gone.
pub(super) struct LeftSession {
    /// As the server's views know it.
    number: i64,
    mark: Mark,
}

impl LeftSession {
    /// Is this what is left of a session, by its number and its context? `None` of what lives, and of what nobody knows.
    pub(super) fn of(number: i64, context: &str) -> Option<Self> {
        let mark = Mark::read(context)?;
        let gone = if mark.process == *THIS {
            !registry().alive.contains(&mark.number)
        } else {
            mark.process.has_ended()
        };
        gone.then_some(Self { number, mark })
    }

    /// Ends it, if it is this process's own and the login may. What another one has left goes by itself: its system
    /// has closed its connections.
    ///
    /// # Errors
    /// A lost connection.
    pub(super) async fn end(&self, session: &mut Session) -> Result<bool> {
        if self.mark.process != *THIS {
            return Ok(false);
        }
        // The number may be another's by now. KILL takes a constant only, and needs ALTER ANY CONNECTION (Azure SQL:
        // KILL DATABASE CONNECTION; Microsoft docs, "KILL (Transact-SQL)", Permissions).
        let number = self.number;
        let sql = format!(
            "IF EXISTS (SELECT 1 FROM sys.dm_exec_sessions AS s WHERE s.session_id = {number} \
             AND CONVERT(varchar(128), s.context_info) LIKE @P1) EXEC (N'KILL {number}')"
        );
        match session.query(&sql, &[&format!("{}%", self.mark)]).await {
            Ok(_) => {
                log::warn!("{}: {self} is ended", session.place);
                Ok(true)
            }
            Err(error) if error.server().is_some() => {
                log::debug!("KILL {number}: {error}");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for LeftSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.mark.process == *THIS { "this run" } else { "a run that has ended" };
        write!(
            f,
            "session {}, which {whose} has left behind and the server has not given up yet,",
            self.number
        )
    }
}

/// The sessions of this process.
#[derive(Default)]
struct Registry {
    next: u64,
    alive: BTreeSet<u64>,
    left: Vec<Left>,
}

/// A session that this process has given up.
struct Left {
    number: u64,
    place: String,
    since: Instant,
    /// Something was under way: it may hold locks until the server knows.
    was_cut_off: bool,
    /// The application locks that it held.
    held: Vec<String>,
}

fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: Mutex<Registry> =
        Mutex::new(Registry { next: 0, alive: BTreeSet::new(), left: Vec::new() });
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.left.retain(|left| left.since.elapsed() < FORGOTTEN);
    registry
}

/// A session's place among those of this process.
pub(super) struct OwnSession {
    number: u64,
    held: Vec<String>,
}

impl OwnSession {
    pub(super) fn new() -> Self {
        let mut registry = registry();
        registry.next += 1;
        let number = registry.next;
        registry.alive.insert(number);
        Self { number, held: Vec::new() }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { process: THIS.clone(), number: self.number }
    }

    /// An application lock is its own.
    pub(super) fn holds(&mut self, resource: &str) {
        self.held.push(resource.to_owned());
    }

    /// ... and not any more.
    pub(super) fn gives_back(&mut self, resource: &str) {
        if let Some(place) = self.held.iter().position(|held| held == resource) {
            self.held.remove(place);
        }
    }

    /// The application locks that are its own.
    pub(super) fn held(&self) -> &[String] {
        &self.held
    }

    /// Its client gives it up.
    pub(super) fn is_left(&mut self, place: &str, was_cut_off: bool) {
        let (number, held) = (self.number, std::mem::take(&mut self.held));
        let mut registry = registry();
        registry.alive.remove(&number);
        if was_cut_off || !held.is_empty() {
            let place = place.to_owned();
            registry.left.push(Left { number, place, since: Instant::now(), was_cut_off, held });
        }
    }
}

/// May this process have left a session that holds the lock, and that the server has not given up yet? For whoever may
/// not look.
pub(super) fn may_have_left(place: &str, resource: &str) -> bool {
    let holds = |left: &Left| left.place == place && left.held.iter().any(|held| held == resource);
    registry().left.iter().any(|left| holds(left) && left.since.elapsed() < PATIENCE)
}

/// Ends what was cut off here before, as far as the server shows it and the login may: locks that the next statements
/// would meet. Nothing is asked where nothing was cut off.
///
/// # Errors
/// A lost connection.
pub(super) async fn end_cut_off(session: &mut Session) -> Result<()> {
    let place = session.place.clone();
    let is_due = |left: &Left| left.was_cut_off && left.place == place;
    if !registry().left.iter().any(is_due) {
        return Ok(());
    }
    const SQL: &str = "SELECT s.session_id AS session_id, CONVERT(varchar(128), s.context_info) AS context \
         FROM sys.dm_exec_sessions AS s WHERE CONVERT(varchar(128), s.context_info) LIKE @P1";
    let rows = match session.query(SQL, &[&format!("{}%", *THIS)]).await {
        Ok(rows) => rows,
        Err(error) if error.server().is_some() => {
            log::debug!("{place}: which sessions are left is not to be learnt: {error}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let mut here = BTreeSet::new();
    for row in rows.iter().map(CatalogRow::from) {
        let (number, context) =
            (row.int("session_id").unwrap_or_default(), row.text("context").unwrap_or_default());
        if let Some(left) = LeftSession::of(number, context) {
            here.insert(left.mark.number);
            left.end(session).await?;
        }
    }
    // Not shown is not gone: a login without VIEW SERVER STATE sees itself alone. Whoever waits for a lock waits longer.
    for left in registry().left.iter_mut().filter(|left| is_due(left) && !here.contains(&left.number)) {
        left.was_cut_off = false;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = Mark { process: THIS.clone(), number: u64::MAX };
        let statement = mark.statement();
        let digits = statement.strip_prefix("SET CONTEXT_INFO 0x").unwrap().as_bytes();
        assert!(digits.len() <= 2 * 128);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let mut bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
        bytes.resize(128, 0);
        assert_eq!(Mark::read(std::str::from_utf8(&bytes).unwrap()), Some(mark));
        for other in ["", "replica", "replica x 1 2 3", "etl 00 1 2 3", "replica 00 1 2 "] {
            assert_eq!(Mark::read(other), None, "{other}");
        }
    }

    #[test]
    fn no_mark_begins_as_another() {
        let mark = |number| Mark { process: THIS.clone(), number }.to_string();
        assert!(!mark(51).starts_with(&mark(5)));
    }

    #[test]
    fn what_lives_is_not_left() {
        let mut own = OwnSession::new();
        own.holds("one");
        own.holds("other");
        own.gives_back("one");
        assert!(LeftSession::of(51, &own.mark().to_string()).is_none());
        own.is_left("target", true);
        assert!(LeftSession::of(51, &own.mark().to_string()).is_some());
        assert!(may_have_left("target", "other") && !may_have_left("target", "one"));
        let mut other = own.mark();
        other.process.system ^= 1;
        assert!(LeftSession::of(51, &other.to_string()).is_none(), "of another system nothing is known");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_this_system_is_known_to_have_ended() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let id = child.id();
        let of = |began| Process { id, began, ..THIS.clone() };
        let alive = of(began(&id.to_string()).unwrap());
        assert!(!THIS.has_ended() && !alive.has_ended() && of(alive.began + 1).has_ended());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(alive.has_ended());
    }
}
