//! The library that reads Parquet gives up on some files that are damaged. That is an error of the file.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use replica_core::error::{Error, Result};

/// Does `work` on a file. What it was at when it gave up is not used again: the error ends the reading.
///
/// # Errors
/// Those of `work`; it gave up.
pub fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::data(format!("{}: it is damaged: the library of Parquet gives up on it", path.display())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_up_is_an_error_of_the_file() {
        let nothing: [u8; 0] = [];
        let error = guarded(Path::new("f"), || Ok(nothing[nothing.len()])).unwrap_err().to_string();
        assert!(error.starts_with("f: it is damaged"), "{error}");
        assert_eq!(guarded(Path::new("f"), || Ok(7)).unwrap(), 7);
    }
}
