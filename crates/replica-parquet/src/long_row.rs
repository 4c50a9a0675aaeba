//! A row with long values, made piece by piece out of its leaves.
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use replica_core::decode::{Charset, TextEncoder, ValueKind};
use replica_core::tds::token::kind::ROW;
use replica_core::tds::types::ValueLayout;

use crate::bulk_row;
use crate::cells::{Cell, Cells, restore};
use crate::gather::LONG;
use crate::leaf::Leaf;
use crate::long::{LongPage, LongPageReader, damaged};
use crate::schema::{Beside, beside};

/// Bytes of a value that are read at once.
const PIECE: usize = 64 << 10;

/// A leaf of a row group that has one row.
pub enum RowLeaf {
    /// The row has been read.
    Short(Box<dyn Leaf>),
    Long(LongPage),
}

/// What makes bulk rows of leaves.
pub struct RowForm<'a> {
    pub kinds: &'a [ValueKind],
    pub layouts: &'a [ValueLayout],
    pub padded: bool,
}

/// The row, as far as it has been made.
pub struct LongRow {
    path: PathBuf,
    leaves: std::vec::IntoIter<RowLeaf>,
    exact: ExactList,
    begun: bool,
    /// The next value's; of the one that is being written, if any.
    column: usize,
    value: Option<LongValue>,
}

/// A long value on its way.
struct LongValue {
    from: LongValueSource,
    /// In PLP chunks.
    chunked: bool,
}

enum LongValueSource {
    /// So many bytes of the list of exact values are left.
    Exact(u32),
    Bytes(LongPageReader),
    Text(LongPageReader, TextEncoder),
}

impl LongRow {
    /// # Errors
    /// The file's; it is damaged.
    pub fn new(path: &Path, mut leaves: Vec<RowLeaf>) -> io::Result<Self> {
        let list: Box<dyn Read + Send> = match leaves.pop().ok_or_else(damaged)? {
            RowLeaf::Long(page) => Box::new(page.open(path)?),
            RowLeaf::Short(mut leaf) => Box::new(Cursor::new(match leaf.next() {
                Some(Cell::Bytes(bytes)) => bytes.into_owned(),
                _ => Vec::new(),
            })),
        };
        let exact = ExactList { list, next: None };
        let leaves = leaves.into_iter();
        Ok(Self { path: path.to_owned(), leaves, exact, begun: false, column: 0, value: None })
    }

    /// Appends what comes next of the row, about so many bytes; `false`: the row is complete.
    ///
    /// # Errors
    /// The file's; it is damaged.
    pub fn fill(&mut self, form: &RowForm<'_>, bytes: usize, out: &mut Vec<u8>) -> io::Result<bool> {
        let enough = out.len() + bytes;
        if !self.begun {
            out.push(ROW);
            self.begun = true;
        }
        while out.len() < enough {
            if let Some(value) = &mut self.value {
                if !value.next(&mut self.exact, out)? {
                    self.value = None;
                    self.column += 1;
                }
            } else if let (Some(kind), Some(layout)) =
                (form.kinds.get(self.column), form.layouts.get(self.column))
            {
                self.begin(*kind, *layout, form.padded, out)?;
            } else {
                return if self.exact.has_ended()? { Ok(false) } else { Err(damaged()) };
            }
        }
        Ok(true)
    }

    /// Writes a value that is short, and begins a long one.
    fn begin(
        &mut self,
        kind: ValueKind,
        layout: ValueLayout,
        padded: bool,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut leaf = self.leaves.next().ok_or_else(damaged)?;
        let (mut ticks, mut offset) = (0, 0);
        for beside in beside(kind) {
            let RowLeaf::Short(mut leaf) = self.leaves.next().ok_or_else(damaged)? else {
                return Err(damaged());
            };
            let Some(Cell::Int32(n)) = leaf.next() else { continue };
            match beside {
                Beside::Ticks => ticks = n,
                Beside::Offset => offset = n,
            }
        }
        let exact = self.exact.take(self.column)?;
        let (from, length) = match (exact, &mut leaf) {
            (Some(length), _) if length as usize > LONG => (LongValueSource::Exact(length), length),
            (None, RowLeaf::Long(page)) => match kind {
                ValueKind::Binary => (LongValueSource::Bytes(page.open(&self.path)?), page.length()),
                ValueKind::Text(charset) => {
                    let length = match layout {
                        ValueLayout::Plp => 0,
                        _ => encoded_length(page.open(&self.path)?, charset)?,
                    };
                    let text = LongValueSource::Text(page.open(&self.path)?, TextEncoder::new(charset));
                    (text, length)
                }
                _ => return Err(damaged()),
            },
            (Some(length), _) => {
                let bytes = self.exact.bytes(length)?;
                self.column += 1;
                return bulk_row::put(layout, Some(&bytes), out).ok_or_else(damaged);
            }
            (None, RowLeaf::Short(leaf)) => {
                self.column += 1;
                let put = match leaf.next() {
                    None => bulk_row::put(layout, None, out),
                    Some(value) => {
                        let cells = Cells { value, ticks, offset };
                        bulk_row::put_with(layout, out, |out| restore(kind, &cells, padded, out))
                    }
                };
                return put.ok_or_else(damaged);
            }
        };
        bulk_row::begin_long(layout, length, out).ok_or_else(damaged)?;
        self.value = Some(LongValue { from, chunked: layout == ValueLayout::Plp });
        Ok(())
    }
}

impl LongValue {
    /// Appends the next piece; `false`: the value has ended.
    fn next(&mut self, exact: &mut ExactList, out: &mut Vec<u8>) -> io::Result<bool> {
        let head = out.len();
        if self.chunked {
            out.extend_from_slice(&[0; 4]);
        }
        let start = out.len();
        let went_on = match &mut self.from {
            LongValueSource::Exact(left) => {
                let piece = exact.bytes((*left).min(PIECE as u32))?;
                *left -= piece.len() as u32;
                out.extend_from_slice(&piece);
                !piece.is_empty()
            }
            LongValueSource::Bytes(page) => page.take(PIECE as u64).read_to_end(out)? > 0,
            LongValueSource::Text(page, encoder) => encode_piece(page, encoder, out)?,
        };
        if self.chunked {
            let length = (out.len() - start) as u32;
            if length > 0 {
                out[head..start].copy_from_slice(&length.to_le_bytes());
            } else if went_on {
                // Part of a character.
                out.truncate(head);
            }
        }
        Ok(went_on)
    }
}

/// Appends the next piece of a text in its charset; `false`: it has ended.
fn encode_piece(page: &mut LongPageReader, encoder: &mut TextEncoder, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = Vec::with_capacity(PIECE);
    page.take(PIECE as u64).read_to_end(&mut piece)?;
    if piece.is_empty() {
        return if encoder.is_between_characters() { Ok(false) } else { Err(damaged()) };
    }
    encoder.push(&piece, out).ok_or_else(damaged)?;
    Ok(true)
}

/// Bytes of a text in its charset: some layouts have the length first.
fn encoded_length(mut page: LongPageReader, charset: Charset) -> io::Result<u32> {
    let mut encoder = TextEncoder::new(charset);
    let (mut length, mut piece) = (0, Vec::new());
    while encode_piece(&mut page, &mut encoder, &mut piece)? {
        length += piece.len() as u64;
        piece.clear();
    }
    u32::try_from(length).map_err(|_| damaged())
}

/// The list of values that the leaves do not give back (see [`exact`](crate::exact)), read piece by piece.
struct ExactList {
    list: Box<dyn Read + Send>,
    /// The next value's column and length.
    next: Option<(usize, u32)>,
}

impl ExactList {
    /// The length of the value of this column, if it is the next; its bytes have to be read then.
    fn take(&mut self, column: usize) -> io::Result<Option<u32>> {
        if self.has_ended()? {
            return Ok(None);
        }
        let next = self.next.take_if(|(of, _)| *of == column);
        Ok(next.map(|(_, length)| length))
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        if self.next.is_none() {
            let mut head = Vec::new();
            (&mut self.list).take(6).read_to_end(&mut head)?;
            self.next = match *head {
                [] => None,
                [a, b, c, d, e, f] => {
                    Some((u16::from_le_bytes([a, b]).into(), u32::from_le_bytes([c, d, e, f])))
                }
                _ => return Err(damaged()),
            };
        }
        Ok(self.next.is_none())
    }

    /// The next bytes of the value that was taken; as many as that, or the file is damaged.
    fn bytes(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.list).take(length.into()).read_to_end(&mut bytes)?;
        if bytes.len() == length as usize { Ok(bytes) } else { Err(damaged()) }
    }
}
