//! Values of options that several tools have, from the text. argh says which option has which value beside what is
//! wrong with it.
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Shrink;
use crate::error::{Error, Result};
use crate::report::output;

/// More connections than this are a slip of the finger.
const MOST_WORKERS: usize = 64;
/// Of an interval: a day.
const MOST_SECONDS: u64 = 24 * 3600;

/// A number of connections to either side.
///
/// # Errors
/// None, too many, no number.
pub fn workers(text: &str) -> Result<usize, String> {
    let most = text.parse().ok().filter(|most| (1..=MOST_WORKERS).contains(most));
    most.ok_or_else(|| format!("it is a number from 1 to {MOST_WORKERS}"))
}

/// The same, as `max_workers` of the configuration.
///
/// # Errors
/// Of kind `Usage`: none, too many.
pub fn configured_workers(most: usize) -> Result<usize> {
    if (1..=MOST_WORKERS).contains(&most) {
        Ok(most)
    } else {
        Err(Error::usage(format!("max_workers = {most} is no number from 1 to {MOST_WORKERS}")))
    }
}

/// A number of rows.
///
/// # Errors
/// Zero, no number.
pub fn rows(text: &str) -> Result<u64, String> {
    let rows = text.parse().ok().filter(|rows| *rows > 0);
    rows.ok_or_else(|| "it is a number of rows, at least 1".to_owned())
}

/// A time between one round and the next: `30s`, `5m`, `1h`.
///
/// # Errors
/// None of these, or no time at all.
pub fn interval(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds).filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
    });
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "it is a time such as 30s, 5m or 1h, up to a day".to_owned())
}

/// A share of rows that may go; an empty text, any.
///
/// # Errors
/// Something that is no number from 0 to 100.
pub fn shrink(text: &str) -> Result<Shrink, String> {
    if text.is_empty() {
        return Ok(Shrink::ANY);
    }
    let percent = text.strip_suffix('%').unwrap_or(text).parse().ok();
    let shrink = percent.and_then(|percent| Shrink::percent(percent).ok());
    shrink.ok_or_else(|| {
        "it is a share of rows in percent, from 0 to 100, or left out to let any go".to_owned()
    })
}

/// An option `name` that is a file, written at the end: what takes hours must not fail there.
///
/// # Errors
/// Of kind `Usage`: a folder, or a file in none; no regular file.
pub fn writable(name: &str, file: PathBuf) -> Result<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        _ if file.as_os_str().is_empty() => Err(Error::usage(format!("{name} names no file"))),
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

/// `name=text`, at the first `=`.
///
/// # Errors
/// There is none, or nothing on one side of it.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').map(|(name, text)| (name.trim(), text.trim())) {
        Some((name, text)) if !name.is_empty() && !text.is_empty() => Ok((name.to_owned(), text.to_owned())),
        _ => Err("it is written as email=LOWER(email)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert_eq!(workers("64"), Ok(64));
        assert!(workers("0").is_err() && workers("65").is_err() && workers("many").is_err());
        assert!(configured_workers(64).is_ok() && configured_workers(0).is_err());
        assert_eq!(rows("1"), Ok(1));
        assert!(rows("0").is_err());
        assert_eq!(interval("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(interval("24h"), Ok(Duration::from_secs(86_400)));
        assert!(["0s", "5", "m", "25h", "-1s", "1d"].iter().all(|text| interval(text).is_err()));
        assert_eq!(shrink(""), Ok(Shrink::ANY));
        assert_eq!(shrink("80%").ok(), Shrink::percent(80).ok());
        assert!(shrink("101").is_err() && shrink("all").is_err());
    }
}
