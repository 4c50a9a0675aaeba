//! Both sides of a login.
use std::ptr;
use std::time::Duration;

use crate::ffi::{self, Buffer, Word};
use crate::handle::{Context, Failure, GssCredential, Name, Output};
use crate::load::library;

/// Whose tickets are used, and where they are. Nothing said: the user's default, which the environment may set
/// (`KRB5CCNAME`, `KRB5_CLIENT_KTNAME`).
#[derive(Clone, Debug, Default)]
pub struct TicketSource {
    /// `user@REALM`.
    pub principal: Option<String>,
    /// The file that has the principal's keys.
    pub keytab: Option<String>,
    /// The cache that keeps its tickets, as in `MEMORY:name`.
    pub cache: Option<String>,
}

/// What one step has brought.
#[derive(Debug)]
pub struct HandshakeStep {
    /// For the other side; may be empty.
    pub token: Vec<u8>,
    /// Nothing is expected from the other side any more.
    pub complete: bool,
    /// For so long the ticket serves; `None`: for ever, or nobody says.
    pub left: Option<Duration>,
}

/// The side that logs in.
pub struct Initiator {
    context: Context,
    credential: GssCredential,
    target: Name,
}

impl Initiator {
    /// A login at the service of this principal, `MSSQLSvc/host:port` for instance.
    ///
    /// # Errors
    /// The library is not there; the name is none; there is no such credential. A KDC may have been asked.
    pub fn new(target: &str, source: &TicketSource) -> Result<Self, Failure> {
        let library = library()?;
        let target = Name::principal(library, target)?;
        let name = match &source.principal {
            Some(principal) => Name::principal(library, principal)?,
            None => Name::none(library),
        };
        let store: Vec<_> = [("client_keytab", &source.keytab), ("ccache", &source.cache)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
            .collect();
        let credential = if source.principal.is_none() && store.is_empty() {
            GssCredential::none(library)
        } else {
            GssCredential::acquire(library, &name, ffi::INITIATE, &store)?
        };
        Ok(Self { context: Context::new(library), credential, target })
    }

    /// The next token for the server; `input` is what it said, nothing at first.
    ///
    /// # Errors
    /// No ticket is to be had, or the server's token is not what it must be.
    pub fn step(&mut self, input: &[u8]) -> Result<HandshakeStep, Failure> {
        let library = self.context.library;
        let (mut minor, mut input, mut output) = (0, Buffer::of(input), Output::new(library));
        // In seconds, once the ticket is there (RFC 2744, 5.19, time_rec).
        let mut left = ffi::INDEFINITE;
        // SAFETY: credential, context and name are the library's, or null where RFC 2744 (5.19) takes that for a default
        // or a beginning; pointers to this frame's variables, of which the input is only read and has its own length; no
        // channel bindings; what is not asked for is null. After an error the library has freed the context and set it to
        // null, or it is still whole.
        let major = unsafe {
            (library.init_sec_context)(
                &raw mut minor,
                self.credential.0.handle,
                &raw mut self.context.handle,
                self.target.0.handle,
                ffi::KERBEROS.pointer(),
                ffi::MUTUAL | ffi::SEQUENCE,
                0,
                ptr::null_mut(),
                &raw mut input,
                ptr::null_mut(),
                &raw mut output.buffer,
                ptr::null_mut(),
                &raw mut left,
            )
        };
        let major = library.check(major, minor)?;
        let left = (left != ffi::INDEFINITE).then(|| Duration::from_secs(left.into()));
        Ok(HandshakeStep { left, ..step(major, &output) })
    }
}

/// The server's side.
pub struct Acceptor {
    context: Context,
    credential: GssCredential,
    client: Option<String>,
}

impl Acceptor {
    /// A server with the keys of this file. It keeps no record of tickets that it has seen.
    ///
    /// # Errors
    /// The library is not there; the file has no keys.
    pub fn new(keytab: &str) -> Result<Self, Failure> {
        let library = library()?;
        let store = [("keytab", keytab), ("rcache", "none:")];
        let credential = GssCredential::acquire(library, &Name::none(library), ffi::ACCEPT, &store)?;
        Ok(Self { context: Context::new(library), credential, client: None })
    }

    /// The next token for the client.
    ///
    /// # Errors
    /// The client's token is for another service, too old, or none at all.
    pub fn step(&mut self, input: &[u8]) -> Result<HandshakeStep, Failure> {
        let library = self.context.library;
        let (mut minor, mut input, mut output) = (0, Buffer::of(input), Output::new(library));
        let mut client = Name::none(library);
        // SAFETY: credential and context are the library's, or null for a beginning (RFC 2744, 5.1); pointers to this
        // frame's variables, of which `client` is released however the call ends; no channel bindings; what is not asked
        // for is null.
        let major = unsafe {
            (library.accept_sec_context)(
                &raw mut minor,
                &raw mut self.context.handle,
                self.credential.0.handle,
                &raw mut input,
                ptr::null_mut(),
                &raw mut client.0.handle,
                ptr::null_mut(),
                &raw mut output.buffer,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let step = step(library.check(major, minor)?, &output);
        if step.complete {
            self.client = Some(client.to_text()?);
        }
        Ok(step)
    }

    /// Who has logged in, `user@REALM`, once a step was complete.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }
}

fn step(major: Word, output: &Output<'_>) -> HandshakeStep {
    HandshakeStep { token: output.bytes().to_vec(), complete: major & ffi::CONTINUE_NEEDED == 0, left: None }
}
