//! Rows that differ, for people: their key, and the values that are not the same. The one place here that decodes.
use crate::compare::stream::MOST_ROW;
use crate::compare::{Comparison, Reading};
use crate::decode::{Row, RowReader, difference};
use crate::tds::columns::WireColumn;

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
    /// Columns as they arrive, and how many of them are not of the row.
    sides: [(Vec<WireColumn>, usize); 2],
}

/// Of a row that is longer than what is kept of it.
const KEPT: &str = "the first 16 MiB, which are kept of a row";
const _: () = assert!(MOST_ROW == 16 << 20);

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
        let mut readers = self.sides.each_ref().map(|(columns, _)| RowReader::new(columns, usize::MAX).ok());
        let [source, target] = &mut readers;
        let source = read(source, rows[0]).map(|row| (row, self.sides[0].1));
        let target = read(target, rows[1]).map(|row| (row, self.sides[1].1));
        let key = match source.or(target) {
            Some((row, lead)) => {
                self.key.iter().map(|at| self.named(&row, lead, *at)).collect::<Vec<_>>().join(", ")
            }
            None => "(a row that cannot be shown)".to_owned(),
        };
        let values = match (source, target) {
            (Some(source), Some(target)) => self.values(source, target),
            _ => Vec::new(),
        };
        self.list.push(DifferingRow { kind, count, key, values });
    }

    fn named(&self, row: &Row<'_>, lead: usize, at: usize) -> String {
        let name = self.names.get(at).map_or("", String::as_str);
        if !row.has(lead + at) {
            return format!("{name}=(beyond {KEPT})");
        }
        let value = match row.value(lead + at) {
            Ok(value) => format!("{value:#}"),
            Err(error) => format!("({error})"),
        };
        let mut value: String = value.chars().map(|c| if c.is_control() { '�' } else { c }).collect();
        if value.chars().count() > MOST_SHOWN {
            value = value.chars().take(MOST_SHOWN).chain(['…']).collect();
        }
        format!("{name}={value}")
    }

    fn values(
        &self,
        (source, lead): (Row<'_>, usize),
        (target, lead_too): (Row<'_>, usize),
    ) -> Vec<DifferingColumn> {
        let mut values = Vec::new();
        for (at, name) in self.names.iter().enumerate() {
            let (left, right) = (lead + at, lead_too + at);
            let may_be_cut = source.may_be_cut(left) || target.may_be_cut(right);
            let has = source.has(left) && target.has(right);
            let same = source.raw(left) == target.raw(right);
            if !has || (same && may_be_cut) {
                if values.is_empty() {
                    let (column, note) = (name.clone(), format!("the rows differ beyond {KEPT}"));
                    values.push(DifferingColumn { column, source: "…".into(), target: "…".into(), note });
                }
                break;
            }
            if same {
                continue;
            }
            let differing = match (source.value(left), target.value(right)) {
                (Ok(source), Ok(target)) => difference(&source, &target),
                _ => None,
            };
            let column = name.clone();
            values.push(match differing {
                Some(mut shown) => {
                    if may_be_cut {
                        shown.note = format!("{}, within {KEPT}", shown.note);
                    }
                    DifferingColumn { column, source: shown.left, target: shown.right, note: shown.note }
                }
                // Bytes that are no value, or stand for the same one.
                None => DifferingColumn {
                    column,
                    source: hex(source.raw(left)),
                    target: hex(target.raw(right)),
                    note: "the bytes differ".to_owned(),
                },
            });
        }
        values
    }
}

/// Of a row that is not kept in full, what there is.
fn read<'a>(reader: &'a mut Option<RowReader>, bytes: Option<&[u8]>) -> Option<Row<'a>> {
    reader.as_mut()?.whole_or_cut(bytes?).ok()
}

fn hex(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "NULL".to_owned() };
    let digits = bytes.iter().take(MOST_SHOWN / 2).map(|byte| format!("{byte:02X}"));
    format!("0x{}{}", digits.collect::<String>(), if bytes.len() > MOST_SHOWN / 2 { "…" } else { "" })
}
