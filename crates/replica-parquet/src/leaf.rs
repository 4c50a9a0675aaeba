//! One leaf of a row group: its values gathered before they are written, and handed out after they were read.
use parquet::basic::Type as Physical;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    FloatType, Int32Type, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedColumnWriter;

use crate::cells::Cell;

/// Values written at once: a page can end after each of these, so that long values get pages of their own.
const BATCH_VALUES: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;

/// A leaf's values until the row group is written.
pub struct LeafBuffer {
    /// 1 for a value, 0 for a NULL.
    levels: Vec<i16>,
    values: LeafValues,
}

enum LeafValues {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// All values one after the other, and where each ends; all of one length if `fixed`.
    Bytes {
        bytes: Vec<u8>,
        ends: Vec<usize>,
        fixed: bool,
    },
}

impl LeafBuffer {
    /// # Errors
    /// A type that these files do not use.
    pub fn new(physical: Physical) -> Result<Self> {
        let bytes = |fixed| LeafValues::Bytes { bytes: Vec::new(), ends: Vec::new(), fixed };
        let values = match physical {
            Physical::BOOLEAN => LeafValues::Bool(Vec::new()),
            Physical::INT32 => LeafValues::Int32(Vec::new()),
            Physical::INT64 => LeafValues::Int64(Vec::new()),
            Physical::FLOAT => LeafValues::Float(Vec::new()),
            Physical::DOUBLE => LeafValues::Double(Vec::new()),
            Physical::BYTE_ARRAY => bytes(false),
            Physical::FIXED_LEN_BYTE_ARRAY => bytes(true),
            Physical::INT96 => return Err(ParquetError::NYI("INT96".into())),
        };
        Ok(Self { levels: Vec::new(), values })
    }

    /// Appends a value, `None` for NULL, and says how many bytes it takes here.
    ///
    /// # Errors
    /// A value of another type than the leaf has.
    pub fn push(&mut self, cell: Option<Cell<'_>>) -> Result<usize> {
        self.levels.push(cell.is_some().into());
        let Some(cell) = cell else { return Ok(2) };
        let size = match (&mut self.values, cell) {
            (LeafValues::Bool(values), Cell::Bool(value)) => push(values, value),
            (LeafValues::Int32(values), Cell::Int32(value)) => push(values, value),
            (LeafValues::Int64(values), Cell::Int64(value)) => push(values, value),
            (LeafValues::Float(values), Cell::Float(value)) => push(values, value),
            (LeafValues::Double(values), Cell::Double(value)) => push(values, value),
            (LeafValues::Bytes { bytes, ends, .. }, Cell::Bytes(value)) => {
                bytes.extend_from_slice(&value);
                push(ends, bytes.len()) + value.len()
            }
            (_, cell) => return Err(ParquetError::General(format!("{cell:?} in a leaf of another type"))),
        };
        Ok(2 + size)
    }

    /// Writes the column chunk and becomes empty.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<()> {
        let levels = &self.levels;
        match &mut self.values {
            LeafValues::Bool(values) => write::<BoolType>(&mut writer, values, levels)?,
            LeafValues::Int32(values) => write::<Int32Type>(&mut writer, values, levels)?,
            LeafValues::Int64(values) => write::<Int64Type>(&mut writer, values, levels)?,
            LeafValues::Float(values) => write::<FloatType>(&mut writer, values, levels)?,
            LeafValues::Double(values) => write::<DoubleType>(&mut writer, values, levels)?,
            LeafValues::Bytes { bytes, ends, fixed } => {
                let bytes = ByteArray::from(std::mem::take(bytes));
                let values = std::mem::take(ends).into_iter().scan(0, |start, end| {
                    let value = bytes.slice(*start, end - *start);
                    *start = end;
                    Some(value)
                });
                if *fixed {
                    write_bytes::<FixedLenByteArrayType>(&mut writer, values, levels)?
                } else {
                    write_bytes::<ByteArrayType>(&mut writer, values, levels)?
                }
            }
        }
        self.levels.clear();
        writer.close()
    }
}

fn push<T>(values: &mut Vec<T>, value: T) -> usize {
    values.push(value);
    size_of::<T>()
}

fn write<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &mut Vec<T::T>,
    levels: &[i16],
) -> Result<()> {
    writer.typed::<T>().write_batch(values, Some(levels), None)?;
    values.clear();
    Ok(())
}

fn write_bytes<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    mut values: impl Iterator<Item = ByteArray>,
    levels: &[i16],
) -> Result<()>
where
    T::T: From<ByteArray>,
{
    let mut size = 0;
    let mut written = 0;
    let mut batch: Vec<T::T> = Vec::new();
    for (row, level) in levels.iter().enumerate() {
        if *level == 1
            && let Some(value) = values.next()
        {
            size += value.len();
            batch.push(value.into());
        }
        if batch.len() == BATCH_VALUES || size >= BATCH_BYTES {
            writer.typed::<T>().write_batch(&batch, Some(&levels[written..=row]), None)?;
            batch.clear();
            size = 0;
            written = row + 1;
        }
    }
    writer.typed::<T>().write_batch(&batch, Some(&levels[written..]), None)?;
    Ok(())
}

/// A leaf's values as they are read, some rows at a time.
pub trait Leaf: Send {
    /// Reads the next rows, at most so many, and says how many. What is left of the last ones is discarded.
    fn read(&mut self, rows: usize) -> Result<usize>;

    /// The next row's value; `None` for NULL, and after the rows that were read.
    fn next(&mut self) -> Option<Cell<'_>>;
}

/// # Errors
/// A type that these files do not use.
pub fn leaf(reader: ColumnReader) -> Result<Box<dyn Leaf>> {
    Ok(match reader {
        ColumnReader::BoolColumnReader(reader) => Box::new(TypedReader::new(reader)),
        ColumnReader::Int32ColumnReader(reader) => Box::new(TypedReader::new(reader)),
        ColumnReader::Int64ColumnReader(reader) => Box::new(TypedReader::new(reader)),
        ColumnReader::FloatColumnReader(reader) => Box::new(TypedReader::new(reader)),
        ColumnReader::DoubleColumnReader(reader) => Box::new(TypedReader::new(reader)),
        ColumnReader::ByteArrayColumnReader(reader) => Box::new(TypedReader::new(reader)),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => Box::new(TypedReader::new(reader)),
        ColumnReader::Int96ColumnReader(_) => return Err(ParquetError::NYI("INT96".into())),
    })
}

struct TypedReader<T: DataType> {
    reader: ColumnReaderImpl<T>,
    levels: Vec<i16>,
    values: Vec<T::T>,
    row: usize,
    value: usize,
}

impl<T: DataType> TypedReader<T> {
    fn new(reader: ColumnReaderImpl<T>) -> Self {
        Self { reader, levels: Vec::new(), values: Vec::new(), row: 0, value: 0 }
    }
}

impl<T: DataType> Leaf for TypedReader<T>
where
    T::T: AsCell,
{
    fn read(&mut self, rows: usize) -> Result<usize> {
        self.levels.clear();
        self.values.clear();
        self.row = 0;
        self.value = 0;
        let (rows, ..) = self.reader.read_records(rows, Some(&mut self.levels), None, &mut self.values)?;
        Ok(rows)
    }

    fn next(&mut self) -> Option<Cell<'_>> {
        let level = *self.levels.get(self.row)?;
        self.row += 1;
        if level == 0 {
            return None;
        }
        self.value += 1;
        self.values.get(self.value - 1).map(AsCell::cell)
    }
}

trait AsCell {
    fn cell(&self) -> Cell<'_>;
}

impl AsCell for bool {
    fn cell(&self) -> Cell<'_> {
        Cell::Bool(*self)
    }
}

impl AsCell for i32 {
    fn cell(&self) -> Cell<'_> {
        Cell::Int32(*self)
    }
}

impl AsCell for i64 {
    fn cell(&self) -> Cell<'_> {
        Cell::Int64(*self)
    }
}

impl AsCell for f32 {
    fn cell(&self) -> Cell<'_> {
        Cell::Float(*self)
    }
}

impl AsCell for f64 {
    fn cell(&self) -> Cell<'_> {
        Cell::Double(*self)
    }
}

impl AsCell for ByteArray {
    fn cell(&self) -> Cell<'_> {
        Cell::Bytes(self.data().into())
    }
}

impl AsCell for FixedLenByteArray {
    fn cell(&self) -> Cell<'_> {
        Cell::Bytes(self.data().into())
    }
}
