//! A file of Parquet: its footer and its pages.
use std::io::Write as _;

use tempfile::NamedTempFile;

/// Behind the seal and the hash of its bytes, which keep nearly all of these from being read: it is read, or refused.
pub fn parquet(bytes: &[u8]) {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the temporary file takes bytes");
    let _ = replica_parquet::read_unproved(file.path());
}
