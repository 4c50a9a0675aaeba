//! The library, loaded once and kept until the process ends.
use std::sync::OnceLock;

use crate::ffi;
use crate::handle::Failure;

/// The functions that are used here.
pub struct Library {
    pub import_name: ffi::ImportName,
    pub display_name: ffi::DisplayName,
    pub display_status: ffi::DisplayStatus,
    pub acquire_cred_from: ffi::AcquireCredFrom,
    pub init_sec_context: ffi::InitSecContext,
    pub accept_sec_context: ffi::AcceptSecContext,
    pub release_name: ffi::Release,
    pub release_cred: ffi::Release,
    pub release_buffer: ffi::ReleaseBuffer,
    pub delete_sec_context: ffi::DeleteSecContext,
}

/// The library, which the first call loads.
pub fn library() -> Result<&'static Library, Failure> {
    static LOADED: OnceLock<Result<Library, String>> = OnceLock::new();
    LOADED.get_or_init(loader::load).as_ref().map_err(|why| Failure::NotThere(why.clone()))
}

#[cfg(target_os = "linux")]
mod loader {
    use std::ffi::{CStr, c_void};
    use std::ptr::NonNull;

    use super::Library;
    use crate::ffi;

    /// By the name that programs are linked with: the interface has had this number since 2007.
    const NAME: &CStr = c"libgssapi_krb5.so.2";

    pub fn load() -> Result<Library, String> {
        // SAFETY: the name is a string of C. What runs is the initialisation of MIT's libraries, which any thread of a
        // program may do (dlopen(3), "MT-Safe").
        let opened = unsafe { libc::dlopen(NAME.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let opened = NonNull::new(opened).ok_or_else(|| last_error(NAME))?;
        macro_rules! function {
            ($name:literal, $type:ty) => {{
                let address = address_of(opened, $name)?;
                // SAFETY: the address is of the function of this name, and the type is the one that MIT's headers declare
                // for it. The library is never closed, so the function stays where it is.
                unsafe { std::mem::transmute::<NonNull<c_void>, $type>(address) }
            }};
        }
        Ok(Library {
            import_name: function!(c"gss_import_name", ffi::ImportName),
            display_name: function!(c"gss_display_name", ffi::DisplayName),
            display_status: function!(c"gss_display_status", ffi::DisplayStatus),
            acquire_cred_from: function!(c"gss_acquire_cred_from", ffi::AcquireCredFrom),
            init_sec_context: function!(c"gss_init_sec_context", ffi::InitSecContext),
            accept_sec_context: function!(c"gss_accept_sec_context", ffi::AcceptSecContext),
            release_name: function!(c"gss_release_name", ffi::Release),
            release_cred: function!(c"gss_release_cred", ffi::Release),
            release_buffer: function!(c"gss_release_buffer", ffi::ReleaseBuffer),
            delete_sec_context: function!(c"gss_delete_sec_context", ffi::DeleteSecContext),
        })
    }

    fn address_of(library: NonNull<c_void>, name: &CStr) -> Result<NonNull<c_void>, String> {
        // SAFETY: the handle is of a library that is open, the name is a string of C.
        let address = unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) };
        NonNull::new(address).ok_or_else(|| last_error(name))
    }

    fn last_error(name: &CStr) -> String {
        // SAFETY: dlerror has no conditions; it is of this thread alone in glibc and musl (dlerror(3)).
        let text = unsafe { libc::dlerror() };
        if text.is_null() {
            return format!("{} is not there", name.to_string_lossy());
        }
        // SAFETY: it is not null, and then a string of C that stays until this thread's next call of these functions.
        let text = unsafe { CStr::from_ptr(text) };
        text.to_string_lossy().into_owned()
    }
}

#[cfg(not(target_os = "linux"))]
mod loader {
    use super::Library;

    pub fn load() -> Result<Library, String> {
        Err("Kerberos is built for Linux only".to_owned())
    }
}
