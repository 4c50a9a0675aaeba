//! Rows into a file.
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use replica_core::copy::Plan;
use replica_core::decode::{Row, RowReader, ValueKind};
use replica_core::error::{Error, Result};
use replica_core::lane::{Progress, RowSource};
use replica_core::tds::{columns::WireColumn, types::ValueLayout, wire::Malformed};
use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;

use crate::cells::{Cell, Cells, cells, gives};
use crate::exact;
use crate::leaf::{LONG, LeafBuffer};
use crate::metadata::{KEY, Metadata};
use crate::schema::{Beside, EXACT, beside, schema};
use crate::seal;

/// A row group ends with the row that brings it to either: what is gathered in memory, and what readers read at once.
const GROUP_ROWS: usize = 122_880;
const GROUP_BYTES: usize = 32 << 20;

/// The values of a row are held whole, several times over: as they came, as Parquet has them, and in a page, whose size
/// Parquet counts in 31 bits.
const LONGEST_ROW: usize = 1 << 30;

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
    rows: RowReader,
    kinds: Box<[ValueKind]>,
    padded: bool,
    /// Of each column's leaves in turn, then of the exact bytes.
    leaves: Vec<LeafBuffer>,
    group: Group,
    /// To restore values in, for comparison.
    restored: Vec<u8>,
    exact: Vec<u8>,
}

#[derive(Default)]
struct Group {
    rows: usize,
    bytes: usize,
}

impl ParquetWriter {
    fn new(file: NamedTempFile, columns: &[WireColumn], padded: bool) -> Result<Self> {
        let path: Box<Path> = file.path().into();
        let failed = |error| failed(&path, error);
        let kinds = columns.iter().map(|column| ValueKind::of(&column.type_info));
        let kinds = kinds.collect::<Result<Box<[ValueKind]>, _>>()?;
        let names = columns.iter().map(|column| column.name.as_str());
        let schema = schema(names.zip(kinds.iter().copied())).map_err(failed)?;
        let long = kinds.iter().zip(columns).filter(|(_, column)| is_long(column.type_info.layout()));
        let long = long.map(|(_, column)| column.name.as_str());
        let file = SerializedFileWriter::new(Hashed::new(file), schema, Arc::new(properties(long)));
        let file = file.map_err(failed)?;
        let leaves = file.schema_descr().columns().iter().map(|leaf| LeafBuffer::new(leaf.physical_type()));
        let leaves = leaves.collect::<Result<_, _>>().map_err(failed)?;
        let rows = RowReader::new(columns, LONGEST_ROW)?;
        Ok(Self {
            path,
            file,
            rows,
            kinds,
            padded,
            leaves,
            group: Default::default(),
            restored: Default::default(),
            exact: Default::default(),
        })
    }

    fn block(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some(row) = self.rows.next(&mut bytes).map_err(unfit)? {
            let (restored, exact) = (&mut self.restored, &mut self.exact);
            let added = Columns { kinds: &self.kinds, padded: self.padded, restored, exact };
            self.group.bytes += added.push(row, &mut self.leaves, &self.path)?;
            self.group.rows += 1;
            if self.group.rows >= GROUP_ROWS || self.group.bytes >= GROUP_BYTES {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        self.group = Group::default();
        // A long value is copied twice over when its page is made: what it came in is not needed any more.
        self.rows.release();
        for scratch in [&mut self.restored, &mut self.exact] {
            scratch.clear();
            scratch.shrink_to(LONG);
        }
        let path = &self.path;
        let mut group = self.file.next_row_group().map_err(|error| failed(path, error))?;
        for leaf in &mut self.leaves {
            let column = group.next_column().map_err(|error| failed(path, error))?;
            let column = column.ok_or_else(|| Error::data("a file has fewer leaves than its schema"))?;
            leaf.write(column).map_err(|error| failed(path, error))?;
        }
        group.close().map_err(|error| failed(path, error))?;
        Ok(())
    }

    fn finish(mut self, mut metadata: Metadata) -> Result<NamedTempFile> {
        if self.group.rows > 0 {
            self.end_group()?;
        }
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

/// What it takes to put a row into the leaves.
struct Columns<'a> {
    kinds: &'a [ValueKind],
    padded: bool,
    restored: &'a mut Vec<u8>,
    exact: &'a mut Vec<u8>,
}

impl Columns<'_> {
    /// Bytes added.
    fn push(self, row: Row<'_>, leaves: &mut [LeafBuffer], path: &Path) -> Result<usize> {
        self.exact.clear();
        let mut size = 0;
        let mut leaves = leaves.iter_mut();
        let mut put = |cell: Option<Cell<'_>>| match leaves.next().map(|leaf| leaf.push(cell)) {
            Some(Ok(added)) => {
                size += added;
                Ok(())
            }
            Some(Err(error)) => Err(failed(path, error)),
            None => Err(Error::data("a row has more values than its file has leaves")),
        };
        for (column, kind) in self.kinds.iter().enumerate() {
            let raw = row.raw(column).unwrap_or_default();
            let value = row.value(column).map_err(unfit)?;
            let cells = cells(*kind, &value);
            if let Some(cells) = &cells
                && !gives(*kind, cells, self.padded, raw, self.restored)
            {
                exact::put(self.exact, column, raw);
            }
            let Cells { value, ticks, offset } = match cells {
                Some(cells) => cells,
                None => {
                    put(None)?;
                    beside(*kind).iter().try_for_each(|_| put(None))?;
                    continue;
                }
            };
            put(Some(value))?;
            for beside in beside(*kind) {
                put(Some(Cell::Int32(match beside {
                    Beside::Ticks => ticks,
                    Beside::Offset => offset,
                })))?;
            }
        }
        let exact = (!self.exact.is_empty()).then(|| Cell::Bytes(self.exact.as_slice().into()));
        put(exact)?;
        Ok(size)
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

/// Whether values of more than 8,000 bytes lie so.
fn is_long(layout: ValueLayout) -> bool {
    matches!(layout, ValueLayout::LongLen | ValueLayout::TextPointer | ValueLayout::Plp)
}

/// A value that is none, or a row too long for a file.
fn unfit(error: Malformed) -> Error {
    Error::from(error).remedy("--full-table-mode stream moves rows unread")
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
