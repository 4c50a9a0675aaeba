//! What the library gives out, released when it is dropped; and why a call failed.
use std::ffi::{CString, c_int};
use std::{fmt, ptr, slice};

use crate::ffi::{self, Buffer, Word};
use crate::load::Library;

/// Why there is no login by Kerberos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The library cannot be loaded.
    NotThere(String),
    /// What the library says.
    Said(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere(why) | Self::Said(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}

impl Library {
    /// The major status of a call that went well. The text of the minor status is the thread's own (MIT's
    /// `krb5_gss_save_error_info`), so this follows the call at once.
    pub fn check(&self, major: Word, minor: Word) -> Result<Word, Failure> {
        if major & ffi::ERRORS == 0 {
            return Ok(major);
        }
        // Kerberos' own reason says more than GSSAPI's, which is mostly "Unspecified GSS failure".
        let reason = if minor == 0 { String::new() } else { self.text(minor, ffi::MECH_CODE) };
        Err(Failure::Said(if reason.is_empty() { self.text(major, ffi::GSS_CODE) } else { reason }))
    }

    fn text(&self, status: Word, kind: c_int) -> String {
        let (mut minor, mut more) = (0, 0);
        let mut text = Output::new(self);
        // SAFETY: pointers to this frame's variables, and a static object identifier. Any number may be asked for; the text
        // is the library's until `text` is dropped.
        let major = unsafe {
            (self.display_status)(
                &raw mut minor,
                status,
                kind,
                ffi::KERBEROS.pointer(),
                &raw mut more,
                &raw mut text.buffer,
            )
        };
        if major & ffi::ERRORS == 0 { text.to_text() } else { format!("GSSAPI status {status:#x}") }
    }
}

/// A buffer that the library fills.
pub struct Output<'l> {
    library: &'l Library,
    pub buffer: Buffer,
}

impl<'l> Output<'l> {
    pub fn new(library: &'l Library) -> Self {
        Self { library, buffer: Buffer::EMPTY }
    }

    pub fn bytes(&self) -> &[u8] {
        if self.buffer.value.is_null() {
            return &[];
        }
        // SAFETY: only the library fills the buffer, with so many bytes of its own. They stay, and nobody writes to them,
        // until they are released when this is dropped, and `&self` ends before that.
        unsafe { slice::from_raw_parts(self.buffer.value.cast(), self.buffer.length) }
    }

    pub fn to_text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).trim_end_matches('\0').to_owned()
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the buffer is empty, or the library's own, and is released once.
        unsafe { (self.library.release_buffer)(&raw mut minor, &raw mut self.buffer) };
    }
}

/// A principal's name.
pub struct Name(pub(crate) Owned);

/// Somebody's tickets or keys, or none: the library's default then.
pub struct GssCredential(pub(crate) Owned);

/// A name or a credential.
pub struct Owned {
    library: &'static Library,
    release: ffi::Release,
    pub handle: ffi::Handle,
}

// SAFETY: the library's objects are bound to no thread, and one thread at a time may use them (MIT's "Threads and GSSAPI":
// its libraries are thread-safe, and a context or name that two threads share needs a lock of theirs). Whoever uses one
// of these needs it whole.
unsafe impl Send for Owned {}

impl Owned {
    pub fn none(library: &'static Library, release: ffi::Release) -> Self {
        Self { library, release, handle: ptr::null_mut() }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.handle.is_null() {
            return;
        }
        let mut minor = 0;
        // SAFETY: the handle is the library's, of the kind that this function releases, and is released once.
        unsafe { (self.release)(&raw mut minor, &raw mut self.handle) };
    }
}

impl Name {
    /// Nothing, for the library to fill.
    pub fn none(library: &'static Library) -> Self {
        Self(Owned::none(library, library.release_name))
    }

    /// A principal: `primary/instance@REALM`, of the default realm where none is given.
    pub fn principal(library: &'static Library, text: &str) -> Result<Self, Failure> {
        let mut name = Self::none(library);
        let (mut minor, mut input) = (0, Buffer::of(text.as_bytes()));
        // SAFETY: pointers to this frame's variables, a buffer that outlives the call, a static object identifier.
        let major = unsafe {
            (library.import_name)(
                &raw mut minor,
                &raw mut input,
                ffi::PRINCIPAL.pointer(),
                &raw mut name.0.handle,
            )
        };
        library.check(major, minor)?;
        Ok(name)
    }

    pub fn to_text(&self) -> Result<String, Failure> {
        let library = self.0.library;
        let (mut minor, mut text) = (0, Output::new(library));
        // SAFETY: the name is the library's; pointers to this frame's variables; the type is not asked for.
        let major = unsafe {
            (library.display_name)(&raw mut minor, self.0.handle, &raw mut text.buffer, ptr::null_mut())
        };
        library.check(major, minor)?;
        Ok(text.to_text())
    }
}

impl GssCredential {
    /// The library's default.
    pub fn none(library: &'static Library) -> Self {
        Self(Owned::none(library, library.release_cred))
    }

    /// `usage`: [`ffi::INITIATE`] or [`ffi::ACCEPT`]; `store`: MIT's keys and their values.
    pub fn acquire(
        library: &'static Library,
        name: &Name,
        usage: c_int,
        store: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let text = |text: &str| CString::new(text).map_err(|_| Failure::Said("a NUL in a name".to_owned()));
        let strings = store
            .iter()
            .map(|(key, value)| Ok((text(key)?, text(value)?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let mut pairs: Vec<_> = strings
            .iter()
            .map(|(key, value)| ffi::KeyValueElement { key: key.as_ptr(), value: value.as_ptr() })
            .collect();
        // No store is the default one; an empty one is not said to be.
        let places = ffi::KeyValues { count: pairs.len() as Word, elements: pairs.as_mut_ptr() };
        let store = if pairs.is_empty() { ptr::null() } else { &raw const places };
        let mut kerberos = ffi::OidSet { count: 1, elements: ffi::KERBEROS.pointer() };
        let mut credential = Self::none(library);
        let mut minor = 0;
        // SAFETY: the name is the library's, or null for none; pointers to this frame's variables, of which the strings
        // and the pairs outlive the call and are copied by it; the store may be null, as mechanisms and time left may,
        // which are not asked for.
        let major = unsafe {
            (library.acquire_cred_from)(
                &raw mut minor,
                name.0.handle,
                ffi::INDEFINITE,
                &raw mut kerberos,
                usage,
                store,
                &raw mut credential.0.handle,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        library.check(major, minor)?;
        Ok(credential)
    }
}

/// A security context that is being made.
pub struct Context {
    pub library: &'static Library,
    pub handle: ffi::Handle,
}

// SAFETY: as for `Owned`.
unsafe impl Send for Context {}

impl Context {
    pub fn new(library: &'static Library) -> Self {
        Self { library, handle: ptr::null_mut() }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.handle.is_null() {
            return;
        }
        let mut minor = 0;
        // SAFETY: the context is the library's and is deleted once; no token for the peer is asked for.
        unsafe { (self.library.delete_sec_context)(&raw mut minor, &raw mut self.handle, ptr::null_mut()) };
    }
}
