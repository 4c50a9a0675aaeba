//! What a keytab holds. The library says the same of one that is missing, unreadable, broken or empty ("No credentials
//! cache found"), so it is read here first. The format is in MIT's documentation, "Keytab file format".
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::config::read_small;
use crate::error::{Error, Result};

/// Version 2: the integers are in network order.
const MAGIC: [u8; 2] = [5, 2];

/// Where the library looks for keys, if the environment says so and they are in a file.
pub(super) fn of_environment() -> Option<PathBuf> {
    let named = std::env::var("KRB5_CLIENT_KTNAME").ok()?;
    let path = ["FILE:", "WRFILE:"].iter().find_map(|kind| named.strip_prefix(kind)).unwrap_or(&named);
    path.starts_with('/').then(|| path.into())
}

/// Whether the file has keys, those of the principal if one is named.
///
/// # Errors
/// Of kind `Usage`: it has not.
pub(super) fn check(file: &Path, principal: Option<&str>) -> Result<()> {
    let wrong = |why: String| Error::usage(format!("the keytab {}: {why}", file.display()));
    let bytes = File::open(file).and_then(read_small).map_err(|error| {
        wrong(error.to_string()).remedy("Name a keytab that the tool's user may read, and nobody else.")
    })?;
    let anew = "Make it anew: docs/CONNECTING.md shows how, under \"A keytab\".";
    let mut known = principals(&bytes).ok_or_else(|| wrong("it is no keytab".to_owned()).remedy(anew))?;
    known.dedup();
    let has = |principal: &str| {
        // Without a realm it is the default realm's, which the library knows.
        let same = |known: &String| {
            known == principal || (!principal.contains('@') && known.split('@').next() == Some(principal))
        };
        known.iter().any(same)
    };
    match principal {
        _ if known.is_empty() => Err(wrong("it holds no key".to_owned()).remedy(anew)),
        Some(principal) if !has(principal) => {
            Err(wrong(format!("it holds no key of {principal}, but of {}", known.join(", ")))
                .remedy("Principals are compared with upper and lower case."))
        }
        _ => Ok(()),
    }
}

/// Whose keys there are, in the file's order. `None`: not a keytab.
fn principals(bytes: &[u8]) -> Option<Vec<String>> {
    let mut rest = bytes.strip_prefix(&MAGIC)?;
    let mut principals = Vec::new();
    while let Some(length) = take::<4>(&mut rest).map(i32::from_be_bytes) {
        let size = usize::try_from(length.unsigned_abs()).ok()?;
        let (entry, after) = rest.split_at_checked(size)?;
        rest = after;
        match length {
            0 => break,
            // A hole, where an entry was.
            ..0 => {}
            _ => principals.push(principal(entry)?),
        }
    }
    Some(principals)
}

fn principal(mut entry: &[u8]) -> Option<String> {
    let parts = u16::from_be_bytes(take(&mut entry)?);
    let realm = text(&mut entry)?;
    let parts = (0..parts).map(|_| text(&mut entry)).collect::<Option<Vec<_>>>()?;
    // Name type, time, short version; then the key, of which the length must fit.
    take::<9>(&mut entry)?;
    take::<2>(&mut entry)?;
    text(&mut entry)?;
    Some(format!("{}@{realm}", parts.join("/")))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = u16::from_be_bytes(take(bytes)?);
    let (text, rest) = bytes.split_at_checked(length.into())?;
    *bytes = rest;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `ktadd` writes it: one entry with a key of two bytes.
    fn entry(user: &str, realm: &str) -> Vec<u8> {
        let counted = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
        let body = [
            &1u16.to_be_bytes()[..],
            &counted(realm),
            &counted(user),
            &[0, 0, 0, 1, 0, 0, 0, 0, 2],
            &[0, 18],
            &[0, 2, 7, 7],
            &[0, 0, 0, 2],
        ]
        .concat();
        [&(body.len() as i32).to_be_bytes()[..], &body].concat()
    }

    fn checked(bytes: &[u8], principal: Option<&str>) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        check(file.path(), principal).map_err(|error| error.to_string())
    }

    #[test]
    fn whose_keys_there_are() {
        let hole = [&(-3i32).to_be_bytes()[..], &[1, 2, 3]].concat();
        let file = [&MAGIC[..], &entry("etl", "A.TEST"), &hole, &entry("b/c", "B.TEST")].concat();
        assert_eq!(principals(&file).unwrap(), ["etl@A.TEST", "b/c@B.TEST"]);
        for principal in [None, Some("etl"), Some("etl@A.TEST"), Some("b/c@B.TEST")] {
            assert_eq!(checked(&file, principal), Ok(()), "{principal:?}");
        }
        for principal in ["ETL", "etl@B.TEST", "b"] {
            let error = checked(&file, Some(principal)).unwrap_err();
            assert!(error.contains(&format!("no key of {principal}, but of etl@A.TEST")), "{error}");
        }
    }

    #[test]
    fn what_is_no_keytab() {
        for (bytes, why) in [
            (&b""[..], "it is no keytab"),
            (b"-----BEGIN", "it is no keytab"),
            (b"\x05\x02\0\0\0\x09ab", "it is no keytab"),
            (b"\x05\x02", "it holds no key"),
        ] {
            let error = checked(bytes, None).unwrap_err();
            assert!(error.contains(why) && error.contains("docs/CONNECTING.md"), "{error}");
        }
        let error = check(Path::new("/nowhere/etl.keytab"), None).unwrap_err().to_string();
        assert!(error.contains("/nowhere/etl.keytab") && error.contains("No such file"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = principals(&[&MAGIC[..], &rest].concat());
        }
    }
}
