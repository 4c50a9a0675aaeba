//! What went wrong, where, and the way out.
//!
//! An [`Error`] is opaque: callers ask it ([`Error::kind`], [`Error::is_transient`],
//! [`Error::exit_code`]) and add what they know of the place ([`Error::table`],
//! [`Error::column`], [`Error::window`]). Its text is always one line.
pub mod numbers;

use std::fmt;
use std::time::Duration;

use crate::exit::Code;
pub use crate::refusal::Refusal;
use crate::report::one_line;
use crate::retry;
use crate::tds::token::Message;
use crate::tds::wire::Malformed;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The family of an error: decides the exit code, and whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Bad usage or configuration.
    Usage,
    /// Cannot connect or log in.
    Connect,
    /// The server refused a statement; [`Error::server`] has the details.
    Server,
    /// The other end sent bytes that break the protocol.
    Protocol,
    /// A connection was lost, or a file could not be read or written.
    Io,
    /// The other end was silent for too long.
    Timeout,
    /// Columns of source and target that cannot be brought together.
    Mapping,
    /// A value that the target cannot take, or a proof of equality that failed.
    Data,
    /// Another run holds this table.
    Busy,
    /// SIGINT asked to stop.
    Interrupted,
    /// SIGTERM asked to stop.
    Terminated,
}

/// An error as the server states it ([MS-TDS] 2.2.7.10, ERROR token).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// The number in sys.messages, or above 50,000 for user errors.
    pub number: u32,
    /// The severity, 0 to 25; above 10 is an error.
    pub class: u8,
    /// Tells apart the places in the server that raise the same number.
    pub state: u8,
    /// The message text.
    pub text: String,
    /// The server's own name for itself.
    pub server: String,
    /// The procedure that raised it; empty outside procedures.
    pub procedure: String,
    /// The line in the batch or procedure, counted from 1.
    pub line: u32,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {} (class {}, state {}", self.number, self.class, self.state)?;
        if !self.procedure.is_empty() {
            write!(f, ", procedure {}", self.procedure)?;
        }
        if self.line > 1 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, "): {}", self.text)
    }
}

/// An error with its place and its remedy. See the [module](self).
#[derive(Clone)]
pub struct Error(Box<ErrorDetails>);

#[derive(Clone)]
struct ErrorDetails {
    kind: Kind,
    message: String,
    server: Vec<ServerError>,
    transient: bool,
    retry_after: Option<Duration>,
    table: Option<String>,
    column: Option<String>,
    window: Option<String>,
    remedy: Option<String>,
    refusal: Option<Refusal>,
    unreached: Option<String>,
}

impl AsRef<Self> for Error {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Error {
    /// An error of a kind, with one sentence of what happened.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorDetails {
            kind,
            message: message.into(),
            server: Vec::new(),
            transient: matches!(kind, Kind::Io | Kind::Timeout),
            retry_after: None,
            table: None,
            column: None,
            window: None,
            remedy: None,
            refusal: None,
            unreached: None,
        }))
    }

    /// The same, of something that may go better next time.
    pub(crate) fn that_passes(mut self) -> Self {
        self.0.transient = true;
        self
    }

    /// The same, where the other end has said how long to leave it alone.
    pub(crate) fn not_before(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Bad usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Cannot connect or log in, and trying again will not help.
    pub fn connect(message: impl Into<String>) -> Self {
        Self::new(Kind::Connect, message)
    }

    /// Cannot connect now: refused, unreachable, silent, or hung up.
    pub fn unreachable(message: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::Connect, message);
        error.0.transient = true;
        error
    }

    /// The other end sent bytes that break the protocol.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(Kind::Protocol, message)
    }

    /// A lost connection or a failed file operation.
    pub fn io(message: impl Into<String>) -> Self {
        Self::new(Kind::Io, message)
    }

    /// The other end closed the connection, with or without a goodbye of TLS.
    pub fn hung_up() -> Self {
        Self::io("the server hung up")
    }

    /// The other end was silent for too long.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(Kind::Timeout, message)
    }

    /// Columns that cannot be brought together.
    pub fn mapping(message: impl Into<String>) -> Self {
        Self::new(Kind::Mapping, message)
    }

    /// A value that cannot be taken, or data that turned out unequal.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message)
    }

    /// Something that is refused before anything is written, and its code.
    pub fn refused(refusal: Refusal, message: impl Into<String>) -> Self {
        let mut error = Self::data(message);
        error.0.refusal = Some(refusal);
        error
    }

    /// Another run holds this table.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(Kind::Busy, message)
    }

    /// What the server answered. The first error is the cause, later ones (3621 and the like)
    /// come of it; the caller passes at least one.
    pub fn from_server(errors: Vec<ServerError>) -> Self {
        let mut error = Self::new(Kind::Server, "");
        error.0.transient = errors.iter().any(|e| retry::is_transient_number(e.number));
        match errors.first() {
            Some(first) => error.0.message = first.to_string(),
            None => error.0.message = "the server reports an error without saying which".into(),
        }
        error.0.server = errors;
        error
    }

    /// Turns a failure while connecting into one of kind [`Kind::Connect`], which decides the exit code.
    pub fn while_connecting(mut self, place: impl fmt::Display) -> Self {
        if !matches!(self.0.kind, Kind::Usage | Kind::Interrupted | Kind::Terminated) {
            self.0.kind = Kind::Connect;
        }
        self.0.unreached = Some(place.to_string());
        self.within(place)
    }

    /// The place that did not let us in, if that is what went wrong.
    pub(crate) fn unreached(&self) -> Option<&str> {
        self.0.unreached.as_deref()
    }

    /// That trying again does not help, whatever the error looks like: it was tried.
    pub fn settled(mut self) -> Self {
        self.0.transient = false;
        self
    }

    /// Puts the file, server or section that the message is about before it.
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// Adds the table, as `schema.name`. What is known already stays: the innermost place knows best.
    pub fn table(mut self, table: impl fmt::Display) -> Self {
        self.0.table.get_or_insert_with(|| table.to_string());
        self
    }

    /// Adds the table under the name that it goes by where what is known is one of its names.
    pub(crate) fn renamed(mut self, is_it: impl Fn(&str) -> bool, label: String) -> Self {
        if self.0.table.as_deref().is_none_or(is_it) {
            self.0.table = Some(label);
        }
        self
    }

    /// Adds the column.
    pub fn column(mut self, column: impl fmt::Display) -> Self {
        self.0.column.get_or_insert_with(|| column.to_string());
        self
    }

    /// Adds the window, as the tools print it (`2024-01`).
    pub fn window(mut self, window: impl fmt::Display) -> Self {
        self.0.window.get_or_insert_with(|| window.to_string());
        self
    }

    /// Adds the way out, as a sentence.
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.0.remedy.get_or_insert_with(|| remedy.to_string());
        self
    }

    /// The table that it is about.
    pub fn of_table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// The way out, if it was told apart.
    pub fn way_out(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// What happened, and in which window or column: without the table and the way out.
    pub fn what(&self) -> String {
        let ErrorDetails { column, window, message, .. } = &*self.0;
        one_line(&placed(&[("window ", window), ("column ", column)], message))
    }

    /// The family of this error.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Another run is at work on the same: whoever starts runs that may overlap expects it.
    pub(crate) fn is_overlap(&self) -> bool {
        self.0.kind == Kind::Busy
    }

    /// The code of what was refused before anything was written.
    pub fn refusal(&self) -> Option<Refusal> {
        self.0.refusal
    }

    /// The server's error that caused this one, if it was the server's.
    pub fn server(&self) -> Option<&ServerError> {
        self.0.server.first()
    }

    /// Does the server's answer hold this error number?
    pub fn has_number(&self, number: u32) -> bool {
        self.0.server.iter().any(|e| e.number == number)
    }

    /// May the same work succeed when it is done again? See [`retry`].
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// How long the other end wants to be left alone, if it says so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What a tool that ends with this error tells the shell.
    pub fn exit_code(&self) -> Code {
        match self.0.kind {
            Kind::Usage => Code::Usage,
            Kind::Connect => Code::Connect,
            Kind::Busy => Code::Busy,
            Kind::Interrupted => Code::Interrupted,
            Kind::Terminated => Code::Terminated,
            Kind::Server | Kind::Protocol | Kind::Io | Kind::Timeout | Kind::Mapping | Kind::Data => {
                Code::Failed
            }
        }
    }
}

/// A sentence, with the place that it is about before it.
fn placed(places: &[(&str, &Option<String>)], message: &str) -> String {
    let places = places.iter().filter_map(|(label, place)| Some(format!("{label}{}", place.as_ref()?)));
    let places = places.collect::<Vec<_>>().join(", ");
    if places.is_empty() { message.to_owned() } else { format!("{places}: {message}") }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorDetails { table, column, window, message, remedy, .. } = &*self.0;
        let mut text = placed(&[("", table), ("window ", window), ("column ", column)], message);
        if let Some(remedy) = remedy {
            text = format!("{}. {remedy}", text.trim_end_matches(['.', ' ']));
        }
        // A server's text may hold line breaks, or worse; the log is one line an error.
        f.write_str(&one_line(&text))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::TimedOut => Self::timeout(error.to_string()),
            // The link reports a violated protocol through the I/O traits this way.
            std::io::ErrorKind::InvalidData => Self::protocol(without_link(&error.to_string())),
            std::io::ErrorKind::UnexpectedEof => Self::hung_up(),
            _ => Self::io(without_link(&error.to_string())),
        }
    }
}

/// A library's error may end with the address of its documentation, which is of no use to whoever meets it here.
fn without_link(text: &str) -> &str {
    let link = ["http://", "https://"].iter().filter_map(|scheme| text.find(scheme)).min();
    let text = link.map_or(text, |at| &text[..at]);
    text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '(' | '-'))
}

impl From<Malformed> for Error {
    fn from(error: Malformed) -> Self {
        Self::protocol(error.to_string())
    }
}

impl From<Message> for ServerError {
    fn from(message: Message) -> Self {
        let Message { number, state, class, text, server, procedure, line } = message;
        Self { number: number.unsigned_abs(), class, state, text, server, procedure, line }
    }
}

impl From<&tiberius::error::TokenError> for ServerError {
    fn from(token: &tiberius::error::TokenError) -> Self {
        Self {
            number: token.code(),
            class: token.class(),
            state: token.state(),
            text: token.message().to_owned(),
            server: token.server().to_owned(),
            procedure: token.procedure().to_owned(),
            line: token.line(),
        }
    }
}

impl From<tiberius::error::Error> for Error {
    fn from(error: tiberius::error::Error) -> Self {
        use tiberius::error::{Error as E, IoErrorKind};
        match error {
            E::Server(token) => Self::from_server(vec![ServerError::from(&token)]),
            E::Io { kind: IoErrorKind::TimedOut, message } => Self::timeout(message),
            E::Io { kind: IoErrorKind::InvalidData, message } => Self::protocol(without_link(&message)),
            E::Io { kind: IoErrorKind::UnexpectedEof, .. } => Self::hung_up(),
            E::Io { message, .. } => Self::io(without_link(&message)),
            other => Self::protocol(without_link(&other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
