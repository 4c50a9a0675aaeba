//! Rows out of a file.
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use replica_core::catalog::{Table, TableName};
use replica_core::copy::Plan;
use replica_core::decode::ValueKind;
use replica_core::error::{Error, Result};
use replica_core::lane::RowSource;
use replica_core::tds::{
    bulk,
    columns::WireColumn,
    fingerprint::Fingerprint,
    row::{Block, ChunkCounter, RowScanner, ScanStop},
    token::kind::ROW,
    types::ValueLayout,
};
use tempfile::TempPath;
use twox_hash::XxHash3_128;

use crate::bulk_row;
use crate::cells::{Cell, Cells, restore};
use crate::exact;
use crate::guard::guarded;
use crate::leaf::{Leaf, leaf};
use crate::long::LongPage;
use crate::long_row::{LongRow, RowForm, RowLeaf};
use crate::metadata::{KEY, Metadata};
use crate::schema::{Beside, beside, schema};
use crate::seal;

/// Bytes of a block, as of those that are read from a server.
const BLOCK: usize = 64 << 10;
/// Rows that are read from every leaf at once.
const ROWS: usize = 1024;
/// Bytes of rows in bulk form after which the scanner has its turn.
const BATCH: usize = 1 << 20;

/// A complete file of these tools.
pub struct File {
    path: PathBuf,
    reader: SerializedFileReader<fs::File>,
    metadata: Metadata,
    result: Vec<WireColumn>,
    kinds: Box<[ValueKind]>,
}

impl File {
    /// # Errors
    /// There is none, it is cut short, or it is not these tools' own.
    pub fn open(path: &Path) -> Result<Self> {
        let at = |error: Error| error.within(path.display());
        let mut file = fs::File::open(path).map_err(|error| at(Error::data(error.to_string())))?;
        seal::check(&mut file).map_err(at)?;
        guarded(path, || Self::read(path, file))
    }

    fn read(path: &Path, file: fs::File) -> Result<Self> {
        let at = |error: Error| error.within(path.display());
        let reader = SerializedFileReader::new(file);
        let reader =
            reader.map_err(|error| at(Error::data(format!("not a complete file of Parquet: {error}"))))?;
        let about = reader.metadata().file_metadata();
        let metadata = about.key_value_metadata().into_iter().flatten().find(|entry| entry.key == KEY);
        let metadata = metadata.and_then(|entry| entry.value.as_ref()).ok_or_else(|| {
            at(Error::data("these tools did not write it")
                .remedy("Load it with a tool that knows its columns"))
        })?;
        let metadata = Metadata::parse(metadata).map_err(at)?;
        let result = metadata.result().map_err(at)?;
        let kinds = result
            .iter()
            .map(|column| ValueKind::of(&column.type_info))
            .collect::<Result<Box<[ValueKind]>, _>>()?;
        let names = result.iter().map(|column| &*column.name);
        let expected = schema(names.zip(kinds.iter().copied())).map_err(|error| failed(path, &error))?;
        if expected.get_fields() != about.schema().get_fields() {
            return Err(at(Error::data("its columns are not those that it was written with")));
        }
        Ok(Self { path: path.to_owned(), reader, metadata, result, kinds })
    }

    /// What a plan has to know of the table, which goes by the name that the file was found under.
    pub fn table(&self, name: &TableName) -> Table {
        self.metadata.table(name)
    }

    /// Reads the file through: a byte that changed since it was written is found before any row is loaded.
    ///
    /// # Errors
    /// A byte changed, or the file cannot be read.
    pub fn check_bytes(&self) -> Result<()> {
        let at = |error: std::io::Error| Error::data(format!("{}: {error}", self.path.display()));
        let mut file = fs::File::open(&self.path).map_err(at)?.take(self.metadata.bytes);
        let mut hash = XxHash3_128::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer).map_err(at)? {
                0 => break,
                read => hash.write(&buffer[..read]),
            }
        }
        if file.limit() == 0 && format!("{:032x}", hash.finish_128()) == self.metadata.bytes_hash {
            return Ok(());
        }
        Err(Error::data(format!("{}: it was changed after it was written", self.path.display())))
    }

    /// # Errors
    /// Its rows are not those that the plan would select.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        self.metadata.check(plan, &self.result).map_err(|error| error.within(self.path.display()))
    }

    /// The rows, for a plan; `temporary` is removed with them.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn rows(self, plan: &Plan, temporary: Option<TempPath>) -> Result<FileRows> {
        self.check(plan)?;
        self.unchecked_rows(temporary)
    }

    fn unchecked_rows(self, temporary: Option<TempPath>) -> Result<FileRows> {
        let bulk: Vec<WireColumn> = self.result.iter().map(bulk_column).collect();
        let chunks = ChunkCounter::default();
        let scanner = RowScanner::new(&bulk, chunks.limits(BLOCK))?;
        Ok(FileRows {
            layouts: bulk.iter().map(|column| column.type_info.layout()).collect(),
            file: self,
            scanner,
            chunks,
            group: 0,
            leaves: Vec::new(),
            long: None,
            unmade: 0,
            batch: Vec::new(),
            scanned: 0,
            _temporary: temporary,
        })
    }
}

/// Reads a file to its end without a look at its seal or the hash of its bytes, and says how many rows it has. For the fuzz
/// target, whose changes would hardly ever get past them.
///
/// # Errors
/// It is damaged.
pub fn read_unproved(path: &Path) -> Result<u64> {
    let file = fs::File::open(path).map_err(|error| Error::data(error.to_string()))?;
    guarded(path, || {
        let mut rows = File::read(path, file)?.unchecked_rows(None)?;
        while rows.block(Vec::new())?.is_some() {}
        Ok(rows.scanner.fingerprint().rows)
    })
}

fn bulk_column(column: &WireColumn) -> WireColumn {
    WireColumn { type_info: bulk::type_info(&column.type_info), ..column.clone() }
}

/// The rows of a file.
pub struct FileRows {
    file: File,
    layouts: Box<[ValueLayout]>,
    /// Makes blocks of the rows, and hashes them, as it does with those of a server.
    scanner: RowScanner,
    chunks: ChunkCounter,
    /// The next row group.
    group: usize,
    /// Of the current one.
    leaves: Vec<Box<dyn Leaf>>,
    /// Instead of these, where it is a row with long values.
    long: Option<LongRow>,
    /// Rows that have been read from the leaves, and are not in bulk form yet.
    unmade: usize,
    /// Rows in bulk form, or a part of one, and how many bytes of them the scanner has.
    batch: Vec<u8>,
    scanned: usize,
    _temporary: Option<TempPath>,
}

impl FileRows {
    fn block(&mut self, empty: Vec<u8>) -> Result<Option<Block>> {
        loop {
            let (used, stop) = self.scanner.scan(&self.batch[self.scanned..])?;
            self.scanned += used;
            if self.scanner.is_full() {
                return Ok(Some(self.take(empty)));
            }
            match stop {
                ScanStop::BlockFull => {}
                ScanStop::Incomplete if self.fill()? => {}
                ScanStop::Incomplete => break,
                ScanStop::OtherToken => return Err(self.damaged()),
            }
        }
        self.file.metadata.prove(self.scanner.fingerprint()).map_err(|error| error.within(self.path()))?;
        let last = self.take(empty);
        Ok((!last.bytes.is_empty()).then_some(last))
    }

    fn take(&mut self, empty: Vec<u8>) -> Block {
        let block = self.scanner.take(empty);
        self.chunks.count(&block);
        self.scanner.set_limits(self.chunks.limits(BLOCK));
        block
    }

    /// Makes the next rows; `false`: there are no more.
    fn fill(&mut self) -> Result<bool> {
        // What the scanner waits to see the rest of.
        self.batch.drain(..std::mem::take(&mut self.scanned));
        self.batch.shrink_to(BATCH);
        let before = self.batch.len();
        loop {
            self.fill_long()?;
            while self.unmade > 0 && self.batch.len() < BATCH {
                self.row()?;
                self.unmade -= 1;
            }
            if self.batch.len() > before {
                return Ok(true);
            }
            let mut rows = self.leaves.iter_mut().map(|leaf| leaf.read(ROWS));
            let read = match rows.next() {
                None => 0,
                Some(first) => {
                    let first = first.map_err(|error| failed(&self.file.path, &error))?;
                    for other in rows {
                        if other.map_err(|error| failed(&self.file.path, &error))? != first {
                            return Err(self.damaged());
                        }
                    }
                    first
                }
            };
            self.unmade = read;
            if read > 0 {
                continue;
            }
            if self.group == self.file.reader.num_row_groups() {
                return Ok(false);
            }
            self.open_group().map_err(|error| failed(&self.file.path, &error))?;
            self.group += 1;
        }
    }

    fn open_group(&mut self) -> Result<(), ParquetError> {
        self.leaves.clear();
        let group = self.file.reader.get_row_group(self.group)?;
        let mut long = Vec::new();
        if group.metadata().num_rows() == 1 {
            let mut file = fs::File::open(&self.file.path)?;
            for chunk in group.metadata().columns() {
                long.push(LongPage::find(&mut file, chunk)?);
            }
        }
        let leaf = |column| leaf(group.get_column_reader(column)?);
        if long.iter().all(Option::is_none) {
            self.leaves = (0..group.num_columns()).map(leaf).collect::<Result<_, _>>()?;
            return Ok(());
        }
        let leaves = long.into_iter().enumerate().map(|(column, long)| {
            if let Some(page) = long {
                return Ok(RowLeaf::Long(page));
            }
            let mut leaf = leaf(column)?;
            leaf.read(1)?;
            Ok(RowLeaf::Short(leaf))
        });
        let leaves = leaves.collect::<Result<_, ParquetError>>()?;
        self.long = Some(LongRow::new(&self.file.path, leaves)?);
        Ok(())
    }

    /// Makes what comes next of a row with long values, if it is at one.
    fn fill_long(&mut self) -> Result<()> {
        let Some(row) = &mut self.long else { return Ok(()) };
        let File { kinds, metadata, .. } = &self.file;
        let form = RowForm { kinds, layouts: &self.layouts, padded: metadata.padded_decimals };
        let goes_on = row.fill(&form, BATCH, &mut self.batch);
        if !goes_on.map_err(|error| failed(&self.file.path, &error.into()))? {
            self.long = None;
        }
        Ok(())
    }

    fn row(&mut self) -> Result<()> {
        let damaged = || Error::data(format!("{}: it is damaged", self.file.path.display()));
        let (exact, leaves) = self.leaves.split_last_mut().ok_or_else(damaged)?;
        let exact = exact.next();
        let mut exact = match &exact {
            Some(Cell::Bytes(bytes)) => bytes.as_ref(),
            _ => &[],
        };
        let mut leaves = leaves.iter_mut();
        self.batch.push(ROW);
        for (column, (kind, &layout)) in self.file.kinds.iter().zip(&self.layouts).enumerate() {
            let value = leaves.next().ok_or_else(damaged)?.next();
            let (mut ticks, mut offset) = (0, 0);
            for beside in beside(*kind) {
                let Some(Cell::Int32(n)) = leaves.next().ok_or_else(damaged)?.next() else { continue };
                match beside {
                    Beside::Ticks => ticks = n,
                    Beside::Offset => offset = n,
                }
            }
            let put = match (exact::take(&mut exact, column).map_err(|()| damaged())?, value) {
                (Some(bytes), _) => bulk_row::put(layout, Some(bytes), &mut self.batch),
                (None, None) => bulk_row::put(layout, None, &mut self.batch),
                (None, Some(value)) => {
                    let cells = Cells { value, ticks, offset };
                    let padded = self.file.metadata.padded_decimals;
                    bulk_row::put_with(layout, &mut self.batch, |out| restore(*kind, &cells, padded, out))
                }
            };
            put.ok_or_else(damaged)?;
        }
        if exact.is_empty() { Ok(()) } else { Err(damaged()) }
    }

    fn damaged(&self) -> Error {
        Error::data(format!("{}: it is damaged", self.path()))
    }

    fn path(&self) -> std::path::Display<'_> {
        self.file.path.display()
    }
}

impl RowSource for FileRows {
    fn columns(&self) -> &[WireColumn] {
        &self.file.result
    }

    fn set_chunk_rows(&mut self, rows: u64) {
        self.chunks = ChunkCounter::new(rows);
        self.scanner.set_limits(self.chunks.limits(BLOCK));
    }

    async fn next(&mut self, empty: Vec<u8>) -> Result<Option<Block>> {
        let path = self.file.path.clone();
        guarded(&path, || self.block(empty))
    }

    fn fingerprint(&self) -> Fingerprint {
        self.scanner.fingerprint()
    }

    async fn cancel(self) -> Result<()> {
        Ok(())
    }
}

fn failed(path: &Path, error: &ParquetError) -> Error {
    Error::data(format!("reading {}: {error}", path.display()))
}
