//! Rows that differ, for people: their key, and the values that are not the same. The one place here that decodes.
use crate::compare::{Comparison, Reading};
use crate::decode::{Row, RowReader, Value, ValueKind, difference};
use crate::tds::columns::WireColumn;
use crate::tds::wire::Malformed;

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The target lacks it.
    Missing,
    /// The source lacks it.
    Extra,
    /// Both have it, with different values.
    Changed,
    /// The source has changed it since the copy.
    Newer,
}

impl DifferenceKind {
    /// As the tools print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Changed => "changed",
            Self::Newer => "newer",
        }
    }
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferingRow {
    /// How the row differs.
    pub kind: DifferenceKind,
    /// More than one only in a table without a key.
    pub count: u64,
    /// `id=3, region='N'`; all of the row's values where it has no key.
    pub key: String,
    /// The values that differ; none in a row that one side lacks.
    pub values: Vec<DifferingColumn>,
}

/// A column in which the two sides of a row differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferingColumn {
    /// The target's name for it.
    pub column: String,
    /// The value there, as people read it, cut around the difference.
    pub source: String,
    /// The value there, as people read it, cut around the difference.
    pub target: String,
    /// What the two do not show by themselves.
    pub note: String,
}

/// The first rows that differ, as many as are to be shown.
pub(super) struct DifferingRows {
    most: usize,
    list: Vec<DifferingRow>,
    names: Vec<String>,
    /// The key's columns; all of them without a key.
    key: Vec<usize>,
    /// Of the source, and of the target: columns as they arrive, and how many of them are not of the row.
    sides: [(Vec<WireColumn>, usize); 2],
}

/// Characters of a value in a key.
const MOST_SHOWN: usize = 60;

impl DifferingRows {
    pub(super) fn new(
        reading: &Reading<'_>,
        source: (&[WireColumn], usize),
        target: (&[WireColumn], usize),
    ) -> Self {
        let Comparison { mapping, key, .. } = reading.comparison;
        Self {
            most: reading.show_rows,
            list: Vec::new(),
            names: mapping.columns.iter().map(|column| column.target.name.clone()).collect(),
            key: match key {
                Some(key) => key.columns.clone(),
                None => (0..mapping.columns.len()).collect(),
            },
            sides: [source, target].map(|(columns, lead)| (columns.to_vec(), lead)),
        }
    }

    /// How many more rows are to be shown.
    pub(super) fn room(&self) -> usize {
        self.most.saturating_sub(self.list.len())
    }

    pub(super) fn into_list(self) -> Vec<DifferingRow> {
        self.list
    }

    /// Takes a row, in bulk form, of the source, the target, or both.
    pub(super) fn add(&mut self, kind: DifferenceKind, count: u64, rows: [Option<&[u8]>; 2]) {
        if self.room() == 0 {
            return;
        }
        let [source, target] = rows;
        let (key, values) = match (source, target) {
            (Some(source), Some(target)) => {
                (self.key_of(0, source), self.values(source, target).unwrap_or_default())
            }
            (Some(source), None) => (self.key_of(0, source), Vec::new()),
            (None, Some(target)) => (self.key_of(1, target), Vec::new()),
            (None, None) => return,
        };
        self.add_shown(kind, count, key, values);
    }

    /// Takes a row whose key and values are known.
    pub(super) fn add_shown(
        &mut self,
        kind: DifferenceKind,
        count: u64,
        key: String,
        values: Vec<DifferingColumn>,
    ) {
        if self.room() > 0 {
            self.list.push(DifferingRow { kind, count, key, values });
        }
    }

    /// The key of a side's row, in bulk form.
    pub(super) fn key_of(&self, side: usize, row: &[u8]) -> String {
        let shown = self.reader(side).and_then(|mut rows| {
            let row = whole(&mut rows, row)?;
            Some(self.key_from(|at| self.named(side, at, row.raw(self.lead(side) + at))))
        });
        shown.unwrap_or_else(|| "(a row that cannot be shown)".to_owned())
    }

    fn values(&self, source: &[u8], target: &[u8]) -> Option<Vec<DifferingColumn>> {
        let (mut sources, mut targets) = (self.reader(0)?, self.reader(1)?);
        let (source, target) = (whole(&mut sources, source)?, whole(&mut targets, target)?);
        let values = |at| (at, source.raw(self.lead(0) + at), target.raw(self.lead(1) + at));
        let differing = (0..self.columns()).map(values).filter(|(_, source, target)| source != target);
        Some(differing.map(|(at, source, target)| self.difference(at, source, target)).collect())
    }

    fn reader(&self, side: usize) -> Option<RowReader> {
        RowReader::new(&self.sides[side].0, usize::MAX).ok()
    }

    /// How many values a row has.
    pub(super) fn columns(&self) -> usize {
        self.names.len()
    }

    /// How many columns come before them.
    pub(super) fn lead(&self, side: usize) -> usize {
        self.sides[side].1
    }

    pub(super) fn is_of_key(&self, at: usize) -> bool {
        self.key.contains(&at)
    }

    /// The key, of its columns as they are shown.
    pub(super) fn key_from(&self, shown: impl FnMut(usize) -> String) -> String {
        self.key.iter().copied().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// # Errors
    /// There is no such column.
    pub(super) fn kind(&self, side: usize, at: usize) -> Result<ValueKind, Malformed> {
        let column = self.sides[side].0.get(self.lead(side) + at);
        ValueKind::of(&column.ok_or_else(|| Malformed::new("no such column"))?.type_info)
    }

    fn decoded<'v>(&self, side: usize, at: usize, value: Option<&'v [u8]>) -> Result<Value<'v>, Malformed> {
        value.map_or(Ok(Value::Null), |bytes| self.kind(side, at)?.decode(bytes))
    }

    /// `id=3`; of a long value, which need not be whole, the beginning.
    pub(super) fn named(&self, side: usize, at: usize, value: Option<&[u8]>) -> String {
        let name = self.names.get(at).map_or("", String::as_str);
        let value = match self.decoded(side, at, value) {
            Ok(value) => format!("{value:#}"),
            Err(error) => format!("({error})"),
        };
        let mut value: String = value.chars().map(|c| if c.is_control() { '�' } else { c }).collect();
        if value.chars().count() > MOST_SHOWN {
            value = value.chars().take(MOST_SHOWN).chain(['…']).collect();
        }
        format!("{name}={value}")
    }

    /// How two values of a column differ.
    pub(super) fn difference(
        &self,
        at: usize,
        source: Option<&[u8]>,
        target: Option<&[u8]>,
    ) -> DifferingColumn {
        let column = self.names.get(at).cloned().unwrap_or_default();
        let differing = match (self.decoded(0, at, source), self.decoded(1, at, target)) {
            (Ok(source), Ok(target)) => difference(&source, &target),
            _ => None,
        };
        match differing {
            Some(shown) => {
                DifferingColumn { column, source: shown.left, target: shown.right, note: shown.note }
            }
            // Bytes that are no value, or stand for the same one.
            None => DifferingColumn {
                column,
                source: hex(source),
                target: hex(target),
                note: "the bytes differ".to_owned(),
            },
        }
    }
}

fn whole<'r>(rows: &'r mut RowReader, mut row: &[u8]) -> Option<Row<'r>> {
    rows.next(&mut row).ok()?
}

fn hex(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "NULL".to_owned() };
    let digits = bytes.iter().take(MOST_SHOWN / 2).map(|byte| format!("{byte:02X}"));
    format!("0x{}{}", digits.collect::<String>(), if bytes.len() > MOST_SHOWN / 2 { "…" } else { "" })
}
