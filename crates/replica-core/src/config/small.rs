//! Files that a user names, and that are small: what is not, such as `/dev/zero`, is not read to its end.
use std::io::{self, Read};

/// More than any configuration or bundle of certificates has.
const MOST: u64 = 16 << 20;

/// All bytes of a file.
///
/// # Errors
/// It cannot be read, or has more than 16 MiB.
pub fn read_small(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::other(format!("it has more than {} MiB", MOST >> 20)));
    }
    Ok(bytes)
}

/// A file of text.
///
/// # Errors
/// Those of [`read_small`]; it is not UTF-8.
pub fn read_small_text(file: impl Read) -> io::Result<String> {
    String::from_utf8(read_small(file)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused() {
        let error = read_small(io::repeat(0)).unwrap_err().to_string();
        assert_eq!(error, "it has more than 16 MiB");
    }
}
