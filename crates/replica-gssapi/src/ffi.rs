//! The types and functions of RFC 2744 that are used here, as MIT's `gssapi.h` and `gssapi_ext.h` declare them.
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// OM_uint32.
pub type Word = u32;
/// `gss_name_t`, `gss_cred_id_t`, `gss_ctx_id_t`: what they point to is the library's own.
pub type Handle = *mut c_void;

/// `gss_buffer_desc`.
#[repr(C)]
pub struct Buffer {
    pub length: usize,
    pub value: *mut c_void,
}

impl Buffer {
    pub const EMPTY: Self = Self { length: 0, value: ptr::null_mut() };

    /// Input for one call, which does not write to it and does not keep it (RFC 2744, 3.2): it must not outlive `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

/// `gss_OID_desc`: an object identifier in DER, without tag and length.
#[repr(C)]
pub struct Oid {
    length: Word,
    elements: *const c_void,
}

// SAFETY: all there are are the constants below, whose bytes are static and never written to.
unsafe impl Sync for Oid {}

impl Oid {
    const fn new(der: &'static [u8]) -> Self {
        Self { length: der.len() as Word, elements: der.as_ptr().cast() }
    }

    /// As the functions take it; none writes to it (RFC 2744, 3.1).
    pub fn pointer(&'static self) -> *mut Self {
        ptr::from_ref(self).cast_mut()
    }
}

/// 1.2.840.113554.1.2.2: Kerberos itself, not SPNEGO around it (RFC 1964, 1).
pub static KERBEROS: Oid = Oid::new(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
/// 1.2.840.113554.1.2.2.1: a principal's name (RFC 1964, 2.1.1).
pub static PRINCIPAL: Oid = Oid::new(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01");

/// `gss_OID_set_desc`.
#[repr(C)]
pub struct OidSet {
    pub count: usize,
    pub elements: *mut Oid,
}

/// `gss_key_value_element_desc`.
#[repr(C)]
pub struct KeyValueElement {
    pub key: *const c_char,
    pub value: *const c_char,
}

/// `gss_key_value_set_desc`: MIT's credential store extension ("Credential store extensions" of its documentation).
#[repr(C)]
pub struct KeyValues {
    pub count: Word,
    pub elements: *mut KeyValueElement,
}

/// GSS_S_CONTINUE_NEEDED.
pub const CONTINUE_NEEDED: Word = 1;
/// GSS_ERROR: the bits of a major status that are errors.
pub const ERRORS: Word = 0xFFFF_0000;
/// GSS_C_INDEFINITE.
pub const INDEFINITE: Word = Word::MAX;
/// GSS_C_MUTUAL_FLAG and GSS_C_SEQUENCE_FLAG.
pub const MUTUAL: Word = 2;
pub const SEQUENCE: Word = 8;
/// GSS_C_INITIATE and GSS_C_ACCEPT.
pub const INITIATE: c_int = 1;
pub const ACCEPT: c_int = 2;
/// GSS_C_GSS_CODE and GSS_C_MECH_CODE.
pub const GSS_CODE: c_int = 1;
pub const MECH_CODE: c_int = 2;

pub type ImportName = unsafe extern "C" fn(*mut Word, *mut Buffer, *mut Oid, *mut Handle) -> Word;
pub type DisplayName = unsafe extern "C" fn(*mut Word, Handle, *mut Buffer, *mut *mut Oid) -> Word;
pub type DisplayStatus =
    unsafe extern "C" fn(*mut Word, Word, c_int, *mut Oid, *mut Word, *mut Buffer) -> Word;
pub type AcquireCredFrom = unsafe extern "C" fn(
    *mut Word,
    Handle,
    Word,
    *mut OidSet,
    c_int,
    *const KeyValues,
    *mut Handle,
    *mut *mut OidSet,
    *mut Word,
) -> Word;
pub type InitSecContext = unsafe extern "C" fn(
    *mut Word,
    Handle,
    *mut Handle,
    Handle,
    *mut Oid,
    Word,
    Word,
    *mut c_void,
    *mut Buffer,
    *mut *mut Oid,
    *mut Buffer,
    *mut Word,
    *mut Word,
) -> Word;
pub type AcceptSecContext = unsafe extern "C" fn(
    *mut Word,
    *mut Handle,
    Handle,
    *mut Buffer,
    *mut c_void,
    *mut Handle,
    *mut *mut Oid,
    *mut Buffer,
    *mut Word,
    *mut Word,
    *mut Handle,
) -> Word;
/// `gss_release_name` and `gss_release_cred`.
pub type Release = unsafe extern "C" fn(*mut Word, *mut Handle) -> Word;
pub type ReleaseBuffer = unsafe extern "C" fn(*mut Word, *mut Buffer) -> Word;
pub type DeleteSecContext = unsafe extern "C" fn(*mut Word, *mut Handle, *mut Buffer) -> Word;
