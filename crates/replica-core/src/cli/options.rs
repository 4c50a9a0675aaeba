//! Options that several tools have, from what was typed to what it means.
use std::path::PathBuf;

use crate::config::Shrink;
use crate::copy::Verify;
use crate::error::{Error, Result};
use crate::output;
use crate::report::Format;

/// More connections than this are a slip of the finger.
const MOST_WORKERS: usize = 64;

/// `--max-workers`.
///
/// # Errors
/// Of kind `Usage`: none, or too many.
pub fn workers(typed: Option<usize>, default: usize) -> Result<usize> {
    let workers = typed.unwrap_or(default);
    if (1..=MOST_WORKERS).contains(&workers) {
        Ok(workers)
    } else {
        Err(Error::usage(format!("--max-workers is a number from 1 to {MOST_WORKERS}")))
    }
}

/// An option `name` that is a number of rows.
///
/// # Errors
/// Of kind `Usage`: zero.
pub fn at_least_one_row(name: &str, typed: Option<u64>) -> Result<Option<u64>> {
    match typed {
        Some(0) => Err(Error::usage(format!("{name} is a number of rows, at least 1"))),
        rows => Ok(rows),
    }
}

/// `--verify`.
///
/// # Errors
/// Of kind `Usage`: anything but none, count and hash.
pub fn verify(typed: Option<&str>) -> Result<Verify> {
    match typed {
        None | Some("none") => Ok(Verify::Nothing),
        Some("count") => Ok(Verify::Count),
        Some("hash") => Ok(Verify::Hash),
        Some(other) => {
            Err(Error::usage(format!("--verify {other} is unknown")).remedy("It is none, count or hash"))
        }
    }
}

/// `--allow-shrink`, with or without a share.
///
/// # Errors
/// Of kind `Usage`: something that is no number from 0 to 100.
pub fn shrink(typed: Option<&str>) -> Result<Option<Shrink>> {
    match typed {
        None => Ok(None),
        Some("") => Ok(Some(Shrink::ANY)),
        Some(typed) => {
            let number = typed.strip_suffix('%').unwrap_or(typed).parse();
            let shrink = number.ok().and_then(|percent| Shrink::percent(percent).ok());
            shrink.map(Some).ok_or_else(|| {
                Error::usage(format!("--allow-shrink {typed} is no share of rows in percent"))
                    .remedy("It is a number from 0 to 100, or left out to let any go")
            })
        }
    }
}

/// An option `name` that is a file, written at the end: what takes hours must not fail there.
///
/// # Errors
/// Of kind `Usage`: a folder, or a file in none; no regular file.
pub fn writable(name: &str, file: PathBuf) -> Result<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            Err(Error::usage(format!("{name} {}: there is no folder {}", file.display(), folder.display())))
        }
        _ if file.is_dir() => Err(Error::usage(format!("{name} {} is a folder", file.display()))),
        _ => match output::check(&file) {
            Ok(()) => Ok(file),
            Err(error) => Err(Error::usage(format!("{name} {}: {error}", file.display()))),
        },
    }
}

/// `--output`.
///
/// # Errors
/// Of kind `Usage`: anything but text, tsv and json.
pub fn format(typed: Option<&str>) -> Result<Format> {
    typed.map_or_else(|| Ok(Format::for_stdout()), str::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert_eq!(workers(None, 2).unwrap(), 2);
        assert_eq!(workers(Some(64), 2).unwrap(), 64);
        assert!(workers(Some(0), 2).is_err() && workers(Some(65), 2).is_err());
        assert_eq!(at_least_one_row("--chunk-size", Some(1)).unwrap(), Some(1));
        assert!(at_least_one_row("--chunk-size", Some(0)).unwrap_err().to_string().contains("--chunk-size"));
        assert_eq!(shrink(Some("")).unwrap(), Some(Shrink::ANY));
        assert_eq!(shrink(Some("80%")).unwrap(), Shrink::percent(80).ok());
        assert!(shrink(Some("101")).is_err() && shrink(Some("all")).is_err());
        assert_eq!(verify(Some("hash")).unwrap(), Verify::Hash);
        assert!(verify(Some("all")).is_err() && format(Some("xml")).is_err());
    }
}
