//! Rows into a file.
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use replica_core::copy::Plan;
use replica_core::decode::{TextDecoder, ValueKind};
use replica_core::error::{Error, Result};
use replica_core::lane::{Progress, RowSource};
use replica_core::tds::columns::WireColumn;
use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;

use crate::cells::{Cell, Cells, cells, gives};
use crate::exact::ExactValues;
use crate::gather::{GatheredValue, Gatherer, is_long};
use crate::leaf::LeafBuffer;
use crate::long::LongPages;
use crate::metadata::{KEY, Metadata};
use crate::schema::{Beside, EXACT, beside, schema};
use crate::seal;

/// A row group ends with the row that brings it to either: what is gathered in memory, and what readers read at once. A row with
/// a long value is one by itself.
const GROUP_ROWS: usize = 122_880;
const GROUP_BYTES: usize = 32 << 20;
/// A value is in memory so often, at the most, on its way: as it came, as UTF-8, and three times while its page is made; as it
/// is read, in its page and out of it, and as the target gets it.
const COPIES: usize = 8;
/// Bytes that are kept for the next row.
const KEPT: usize = 1 << 20;
/// Bytes of a text that are turned into UTF-8 at once.
const PIECE: usize = 64 << 10;

/// Writes all rows of a plan into a file, and completes it.
///
/// # Errors
/// Those of the rows; a value that is none; the file cannot be written.
pub async fn write(
    mut rows: impl RowSource,
    plan: &Plan,
    file: NamedTempFile,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<NamedTempFile> {
    let mut metadata = Metadata::new(plan, rows.columns());
    let mut writer = ParquetWriter::new(file, rows.columns(), metadata.padded_decimals)?;
    let mut buffer = Vec::new();
    let mut so_far = Progress::default();
    while let Some(block) =
        rows.next(buffer).await.map_err(|error| error.within("reading from the source"))?
    {
        writer.block(&block.bytes)?;
        so_far.rows += block.rows;
        so_far.bytes += block.bytes.len() as u64;
        progress(so_far);
        buffer = block.bytes;
    }
    let fingerprint = rows.fingerprint();
    metadata.rows = fingerprint.rows;
    metadata.hash = fingerprint.to_string();
    writer.finish(metadata)
}

struct ParquetWriter {
    path: Box<Path>,
    file: SerializedFileWriter<Hashed>,
    rows: Gatherer,
    padded: bool,
    /// Of each column's leaves in turn, then of the exact bytes.
    leaves: Vec<LeafBuffer>,
    /// Those of the leaves that have a long value in this row group: it has one row then.
    long: LongPages,
    group: Group,
    /// To restore values in, for comparison.
    restored: Vec<u8>,
    exact: ExactValues,
}

#[derive(Default)]
struct Group {
    rows: usize,
    bytes: usize,
    /// Of its longest value.
    longest: usize,
}

impl ParquetWriter {
    fn new(file: NamedTempFile, columns: &[WireColumn], padded: bool) -> Result<Self> {
        let path: Box<Path> = file.path().into();
        let failed = |error| failed(&path, error);
        let kinds = columns.iter().map(|column| ValueKind::of(&column.type_info));
        let kinds = kinds.collect::<Result<Box<[ValueKind]>, _>>()?;
        let names = columns.iter().map(|column| &*column.name);
        let schema = schema(names.zip(kinds.iter().copied())).map_err(failed)?;
        let long = columns.iter().filter(|column| is_long(column.type_info.layout()));
        let long = long.map(|column| &*column.name);
        let file = SerializedFileWriter::new(Hashed::new(file), schema, Arc::new(properties(long)));
        let file = file.map_err(failed)?;
        let leaves = file.schema_descr().columns().iter().map(|leaf| LeafBuffer::new(leaf.physical_type()));
        let leaves = leaves.collect::<Result<_, _>>().map_err(failed)?;
        Ok(Self {
            rows: Gatherer::new(columns, &path)?,
            long: LongPages::new(&path),
            path,
            file,
            padded,
            leaves,
            group: Default::default(),
            restored: Default::default(),
            exact: Default::default(),
        })
    }

    fn block(&mut self, mut bytes: &[u8]) -> Result<()> {
        while self.rows.next(&mut bytes)? {
            let is_long = self.rows.is_long();
            if is_long {
                self.end_group()?;
            }
            self.push()?;
            let needed = self.group.bytes + COPIES * self.group.longest;
            if is_long || self.group.rows >= GROUP_ROWS || needed >= GROUP_BYTES {
                // What it came in is not needed while pages are made of it.
                self.rows.release()?;
                self.end_group()?;
            }
        }
        // The row that has begun will have a row group of its own: this one need not wait for it in memory.
        if self.rows.is_long() { self.end_group() } else { Ok(()) }
    }

    /// Puts a row into the leaves.
    fn push(&mut self) -> Result<()> {
        self.exact.clear();
        let Self { path, rows, padded, leaves, long, group, restored, exact, .. } = self;
        let mut leaves = leaves.iter_mut().enumerate();
        let mut next =
            || leaves.next().ok_or_else(|| Error::data("a row has more values than its file has leaves"));
        let mut put = |(_, leaf): (usize, &mut LeafBuffer), cell: Option<Cell<'_>>| {
            let added = leaf.push(cell).map_err(|error| failed(path, error))?;
            group.bytes += added;
            group.longest = group.longest.max(added);
            Ok::<_, Error>(())
        };
        let kept = |error: io::Error| failed(path, error.into());
        for column in 0..rows.columns() {
            let (kind, value) = rows.value(column)?;
            let leaf = next()?;
            if let GatheredValue::Long(range) = &value {
                let mut is_exact = true;
                let source = rows.long(range).map_err(kept)?;
                let give = |out: &mut dyn Write| match kind {
                    ValueKind::Text(charset) => {
                        is_exact = transcode(source, TextDecoder::new(charset), out)?;
                        Ok(())
                    }
                    _ => io::copy(&mut { source }, out).map(drop),
                };
                long.add(leaf.0, give).map_err(kept)?;
                if !is_exact {
                    exact.put(rows, column, &value);
                }
                continue;
            }
            let decoded = rows.decoded(column, &value)?;
            let Some(cells) = cells(kind, &decoded) else {
                put(leaf, None)?;
                beside(kind).iter().try_for_each(|_| put(next()?, None))?;
                continue;
            };
            if !gives(kind, &cells, *padded, rows.short(&value), restored) {
                exact.put(rows, column, &value);
            }
            let Cells { value, ticks, offset } = cells;
            put(leaf, Some(value))?;
            for beside in beside(kind) {
                let n = match beside {
                    Beside::Ticks => ticks,
                    Beside::Offset => offset,
                };
                put(next()?, Some(Cell::Int32(n)))?;
            }
        }
        let leaf = next()?;
        match exact.short() {
            None => long.add(leaf.0, |out| exact.write(rows, out)).map_err(kept)?,
            Some(bytes) => put(leaf, (!bytes.is_empty()).then(|| Cell::Bytes(bytes.into())))?,
        }
        group.rows += 1;
        Ok(())
    }

    /// Writes the rows that wait, if any.
    fn end_group(&mut self) -> Result<()> {
        if std::mem::take(&mut self.group).rows == 0 {
            return Ok(());
        }
        self.restored.clear();
        self.restored.shrink_to(KEPT);
        self.exact.clear();
        self.exact.shrink_to(KEPT);
        let path = &self.path;
        let failed = |error| failed(path, error);
        let columns = self.file.schema_descr().columns().to_vec();
        let mut group = self.file.next_row_group().map_err(failed)?;
        for (number, (leaf, column)) in self.leaves.iter_mut().zip(columns).enumerate() {
            if self.long.has(number) {
                self.long.write(number, column, &mut group).map_err(failed)?;
                continue;
            }
            let column = group.next_column().map_err(failed)?;
            let column = column.ok_or_else(|| Error::data("a file has fewer leaves than its schema"))?;
            leaf.write(column).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        self.long.clear().map_err(|error| failed(error.into()))
    }

    fn finish(mut self, mut metadata: Metadata) -> Result<NamedTempFile> {
        self.end_group()?;
        let path = &self.path;
        self.file.flush().map_err(|error| failed(path, error.into()))?;
        (metadata.bytes, metadata.bytes_hash) = self.file.inner().digest();
        let failed_to_write = |error: io::Error| failed(path, error.into());
        self.file.write_all(&seal::blank()).map_err(failed_to_write)?;
        self.file.flush().map_err(failed_to_write)?;
        self.file.inner_mut().hash = XxHash3_128::new();
        let json = serde_json::to_string(&metadata)
            .map_err(|error| failed(path, ParquetError::General(error.to_string())))?;
        self.file.append_key_value_metadata(KeyValue::new(KEY.to_owned(), json));
        // This writes the footer, too.
        let Hashed { mut file, hash, .. } = self.file.into_inner().map_err(|error| failed(path, error))?;
        seal::complete(&mut file, metadata.bytes, hash.finish_128()).map_err(failed_to_write)?;
        Ok(file)
    }
}

/// Turns a long text into UTF-8, and says whether it comes back from there.
fn transcode(mut source: impl Read, mut decoder: TextDecoder, out: &mut dyn Write) -> io::Result<bool> {
    let (mut piece, mut text) = (vec![0; PIECE], String::new());
    loop {
        let read = source.read(&mut piece)?;
        decoder.push(&piece[..read], read == 0, &mut text);
        out.write_all(text.as_bytes())?;
        text.clear();
        if read == 0 {
            return Ok(decoder.is_exact());
        }
    }
}

/// `long`: the columns whose values may be long. A dictionary would be one more copy of each, and so would the least and the
/// greatest in the statistics.
fn properties<'a>(long: impl Iterator<Item = &'a str>) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("replica ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    let builder = long.chain([EXACT]).fold(builder, |builder, name| {
        let leaf = ColumnPath::new(vec![name.to_owned()]);
        let builder = builder.set_column_dictionary_enabled(leaf.clone(), false);
        builder.set_column_statistics_enabled(leaf, EnabledStatistics::None)
    });
    builder.build()
}

/// Trying again will not help: a full disk stays full, and a lost one lost.
fn failed(path: &Path, error: ParquetError) -> Error {
    Error::data(format!("writing {}: {error}", path.display()))
}

/// Hashes what it writes.
struct Hashed {
    file: NamedTempFile,
    hash: XxHash3_128,
    bytes: u64,
}

impl Hashed {
    fn new(file: NamedTempFile) -> Self {
        Self { file, hash: XxHash3_128::new(), bytes: 0 }
    }

    /// So many bytes, and their hash.
    fn digest(&self) -> (u64, String) {
        (self.bytes, format!("{:032x}", self.hash.finish_128()))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.write(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
