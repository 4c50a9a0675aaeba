//! Pages of one long value. The library makes pages in memory; these are written and read piece by piece, whatever the length.
//!
//! A row with a long value is a row group of its own, so that the page is all that its column chunk has. It is an ordinary data
//! page: one value, PLAIN, compressed by zstd. What is compressed begins with the value's length, which for text is known at
//! its end only. So there are two frames, as the format of zstd allows (RFC 8878, 3): the second holds the value and is
//! written first, to a file beside.
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Take, Write};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use zstd::stream::{read::Decoder, write::Encoder};

use crate::scratch::Scratch;

/// What precedes a value in its page: the length of the definition levels, these (a run of one 1), and the value's length.
const LEVELS: [u8; 6] = [2, 0, 0, 0, 2, 1];
const BEFORE_VALUE: i32 = LEVELS.len() as i32 + 4;
/// The library writes the same levels as a group of eight bits. Pages of files that it has written whole are read here, too.
const LEVELS_IN_BITS: [u8; 6] = [2, 0, 0, 0, 3, 1];
/// Decoders need not take more (RFC 8878, 3.1.1.1.2), and these pages have less: 8 MiB.
const MOST_WINDOW_LOG: u32 = 23;

/// The long values of a row, compressed, until its row group is written.
pub struct LongPages {
    scratch: Scratch,
    /// Where the frame of a leaf's value lies, and how long the value is.
    frames: BTreeMap<usize, (Range<u64>, u64)>,
}

impl LongPages {
    /// For a file at `path`.
    pub fn new(path: &Path) -> Self {
        Self { scratch: Scratch::beside(path), frames: BTreeMap::new() }
    }

    /// Takes a leaf's value, which `give` writes.
    ///
    /// # Errors
    /// Those of `give`; it cannot be kept.
    pub fn add(
        &mut self,
        leaf: usize,
        give: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = self.scratch.len();
        let level = ZstdLevel::default().compression_level();
        let mut value = Counted { to: Encoder::new(&mut self.scratch, level)?, bytes: 0 };
        give(&mut value)?;
        let length = value.bytes;
        value.to.finish()?;
        self.frames.insert(leaf, (start..self.scratch.len(), length));
        Ok(())
    }

    /// Whether a leaf has one.
    pub fn has(&self, leaf: usize) -> bool {
        self.frames.contains_key(&leaf)
    }

    /// Writes a leaf's column chunk.
    ///
    /// # Errors
    /// The value is longer than a page can be; the file cannot be written.
    pub fn write<W: Write + Send>(
        &mut self,
        leaf: usize,
        column: ColumnDescPtr,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        let (frame, length) = self.frames.remove(&leaf).unwrap_or_default();
        let before = [&LEVELS[..], &(length as u32).to_le_bytes()].concat();
        let before = zstd::bulk::compress(&before, ZstdLevel::default().compression_level())?;
        let compressed = i32::try_from(before.len() as u64 + frame.end - frame.start);
        let uncompressed = i32::try_from(length).ok().and_then(|length| length.checked_add(BEFORE_VALUE));
        let (Ok(compressed), Some(uncompressed)) = (compressed, uncompressed) else {
            return Err(ParquetError::General(format!(
                "a value of {length} bytes, and a page has 2 GiB at the most. --full-table-mode stream takes values of any length"
            )));
        };
        let mut head = page_header(uncompressed, compressed);
        let header = head.len() as i64;
        head.extend(before);
        let bytes = header + i64::from(compressed);
        let metadata = ColumnChunkMetaData::builder(column)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE])
            .set_page_encoding_stats(vec![PageEncodingStats {
                page_type: PageType::DATA_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            }])
            .set_num_values(1)
            .set_total_compressed_size(bytes)
            .set_total_uncompressed_size(header + i64::from(uncompressed))
            .set_data_page_offset(0)
            .build()?;
        let frame = self.scratch.read(&frame)?;
        group.append_column(
            &LongChunk { head, frame, length: bytes as u64 },
            ColumnCloseResult {
                bytes_written: bytes as u64,
                rows_written: 1,
                metadata,
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            },
        )
    }

    /// Makes room for the next row.
    ///
    /// # Errors
    /// The file beside cannot be emptied.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.scratch.len() > 0 { self.scratch.clear() } else { Ok(()) }
    }
}

struct Counted<W> {
    to: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A column chunk that the library copies from its beginning to its end.
struct LongChunk {
    /// The page's header, and its first frame.
    head: Vec<u8>,
    frame: Take<File>,
    length: u64,
}

impl Length for LongChunk {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for LongChunk {
    type T = io::Chain<Cursor<Vec<u8>>, Take<File>>;

    fn get_read(&self, _: u64) -> Result<Self::T> {
        let frame = self.frame.get_ref().try_clone()?.take(self.frame.limit());
        Ok(Cursor::new(self.head.clone()).chain(frame))
    }

    fn get_bytes(&self, _: u64, _: usize) -> Result<Bytes> {
        Err(ParquetError::NYI("a part of a long page".into()))
    }
}

/// PageHeader of a data page with one value, in Thrift's compact protocol (Apache Parquet, parquet.thrift).
fn page_header(uncompressed: i32, compressed: i32) -> Vec<u8> {
    const I32: u8 = 0x15;
    const STRUCT_AFTER_NEXT: u8 = 0x2C;
    const END: u8 = 0;
    let (data_page, one_value, plain, rle) = (0, 1, 0, 3);
    let mut header = Vec::new();
    let put = |n: i32, header: &mut Vec<u8>| {
        header.push(I32);
        let mut zigzag = ((n << 1) ^ (n >> 31)) as u32;
        while zigzag >= 0x80 {
            header.push(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        header.push(zigzag as u8);
    };
    [data_page, uncompressed, compressed].into_iter().for_each(|n| put(n, &mut header));
    header.push(STRUCT_AFTER_NEXT);
    [one_value, plain, rle, rle].into_iter().for_each(|n| put(n, &mut header));
    header.extend([END, END]);
    header
}

/// The most bytes that such a header has.
const MOST_HEADER: usize = 32;
/// Bytes of a page that is worth a look.
const LEAST: i64 = 64 << 10;

/// A page of one long value in a file.
pub struct LongPage {
    at: u64,
    compressed: u64,
    length: u32,
}

impl LongPage {
    /// Whether a column chunk is such a page, and no more.
    ///
    /// # Errors
    /// The file's.
    pub fn find(file: &mut File, chunk: &ColumnChunkMetaData) -> io::Result<Option<Self>> {
        let (compressed, uncompressed) = (chunk.compressed_size(), chunk.uncompressed_size());
        let is_one = chunk.num_values() == 1 && chunk.dictionary_page_offset().is_none();
        let is_zstd = matches!(chunk.compression(), Compression::ZSTD(_));
        if !is_one || !is_zstd || chunk.column_type() != Physical::BYTE_ARRAY || uncompressed < LEAST {
            return Ok(None);
        }
        let Ok(start) = u64::try_from(chunk.data_page_offset()) else { return Ok(None) };
        file.seek(SeekFrom::Start(start))?;
        let mut head = Vec::new();
        file.take(MOST_HEADER as u64).read_to_end(&mut head)?;
        // Its sizes decide how long it is, and the chunk's are those and its length.
        let header = (1..=head.len()).find_map(|header| {
            let size = |chunk: i64| i32::try_from(chunk - header as i64).ok();
            let (compressed, uncompressed) = (size(compressed)?, size(uncompressed)?);
            let length = u32::try_from(uncompressed - BEFORE_VALUE).ok()?;
            let is_it = head[..header] == page_header(uncompressed, compressed);
            is_it.then_some((header as u64, u64::try_from(compressed).ok()?, length))
        });
        Ok(header.map(|(header, compressed, length)| Self { at: start + header, compressed, length }))
    }

    /// Begins to read its value.
    ///
    /// # Errors
    /// The file's; it is damaged.
    pub fn open(&self, path: &Path) -> io::Result<LongPageReader> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let mut frames = Decoder::new(file.take(self.compressed))?;
        frames.window_log_max(MOST_WINDOW_LOG)?;
        let (mut levels, mut length) = ([0; LEVELS.len()], [0; 4]);
        frames.read_exact(&mut levels)?;
        frames.read_exact(&mut length)?;
        if ![LEVELS, LEVELS_IN_BITS].contains(&levels) || u32::from_le_bytes(length) != self.length {
            return Err(damaged());
        }
        Ok(LongPageReader { frames, left: self.length })
    }

    /// Bytes of its value.
    pub fn length(&self) -> u32 {
        self.length
    }
}

/// The bytes of a long value.
pub struct LongPageReader {
    frames: Decoder<'static, BufReader<Take<File>>>,
    left: u32,
}

impl Read for LongPageReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(self.left as usize);
        let read = self.frames.read(&mut buffer[..room])?;
        self.left -= read as u32;
        if read == 0 && room > 0 { Err(damaged()) } else { Ok(read) }
    }
}

pub fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is damaged")
}
