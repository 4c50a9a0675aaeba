//! The hash of a file's footer, which stands right before it: a footer that was changed is found before anything reads
//! it. Other readers pass over these bytes, as over all that no offset leads to.
use std::io::{self, Read, Seek, SeekFrom, Write};

use replica_core::error::{Error, Result};
use twox_hash::XxHash3_128;

const MARK: &[u8; 8] = b"REPLICA\x01";
/// The mark, and XXH3 with 128 bits of everything after the seal, little-endian.
const LENGTH: u64 = 24;
/// What a file of Parquet ends with: the length of its footer, little-endian, and a word (Apache Parquet, "File Format").
const END: u64 = 8;
const WORD: &[u8] = b"PAR1";

/// A seal whose hash is still to come.
pub fn blank() -> [u8; LENGTH as usize] {
    let mut seal = [0; LENGTH as usize];
    seal[..MARK.len()].copy_from_slice(MARK);
    seal
}

/// Completes the seal at this place.
///
/// # Errors
/// The file's.
pub fn complete(file: &mut (impl Write + Seek), at: u64, hash: u128) -> io::Result<()> {
    file.seek(SeekFrom::Start(at + MARK.len() as u64))?;
    file.write_all(&hash.to_le_bytes())?;
    file.flush()
}

/// Leaves the file at its beginning.
///
/// # Errors
/// It is cut short, not these tools' own, or its footer was changed.
pub fn check(file: &mut (impl Read + Seek)) -> Result<()> {
    let cut_short = || Error::data("not a complete file of Parquet");
    let failed = |error: io::Error| Error::data(error.to_string());
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let end = length.checked_sub(END).ok_or_else(cut_short)?;
    let mut last = [0; END as usize];
    read_at(file, end, &mut last).map_err(failed)?;
    let (footer, word) = last.split_at(4);
    if word != WORD {
        return Err(cut_short());
    }
    let footer = footer.iter().rev().fold(0, |length, byte| length << 8 | u64::from(*byte));
    let sealed = end.checked_sub(footer).ok_or_else(cut_short)?;
    let foreign =
        || Error::data("these tools did not write it").remedy("Load it with a tool that knows its columns");
    let at = sealed.checked_sub(LENGTH).ok_or_else(foreign)?;
    let mut seal = blank();
    read_at(file, at, &mut seal).map_err(failed)?;
    let (mark, hash) = seal.split_at(MARK.len());
    if mark != MARK {
        return Err(foreign());
    }
    let mut found = XxHash3_128::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => found.write(&buffer[..read]),
        }
    }
    if found.finish_128().to_le_bytes() != hash {
        return Err(Error::data("its footer was changed after it was written"));
    }
    file.rewind().map_err(failed)
}

fn read_at(file: &mut (impl Read + Seek), at: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}
