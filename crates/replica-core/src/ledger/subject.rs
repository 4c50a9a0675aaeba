//! What is loaded from where: windows are the same only if all of this is.
use std::fmt::Write;

use twox_hash::XxHash3_128;

use crate::catalog::{Table, TableName};
use crate::types::mapping::Mapping;

/// A table's windows, and what decides whether a complete one may be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The target's.
    pub table: TableName,
    /// A table that was dropped and made again has another id: its windows are not those on record.
    pub object_id: i64,
    /// The source's columns that the windows are cut by: of days one, of keys all.
    pub cut_by: String,
    /// Of the columns and their conversions, 32 hexadecimal digits.
    pub fingerprint: String,
    /// Server, database and table, as the source itself says.
    pub source: String,
}

impl Subject {
    /// The windows of `target` along `cut_by`, filled from `source`. `key`: what its ranges depend on, if it is one (see
    /// [`Key::fingerprint`](crate::window::Key::fingerprint)).
    pub fn new(source: &Table, target: &Table, mapping: &Mapping, cut_by: &str, key: Option<&str>) -> Self {
        Self {
            table: target.object.name.clone(),
            object_id: target.object.id,
            cut_by: cut_by.chars().take(MOST_NAME).collect(),
            fingerprint: fingerprint(source, mapping, key),
            source: source_name(source),
        }
    }

    /// The application lock under which runs on this table begin.
    pub(super) fn lock(&self) -> String {
        format!("replica ledger {}", self.object_id)
    }

    /// `None`: a window that was loaded as `self` is one of `wanted`. Otherwise what is different.
    pub fn difference(&self, wanted: &Self) -> Option<&'static str> {
        let differences = [
            (self.object_id != wanted.object_id, "the table was dropped and made again"),
            (self.cut_by != wanted.cut_by, "another date column or key"),
            (
                self.fingerprint != wanted.fingerprint,
                "other columns, conversions or rows (a condition or an expression)",
            ),
            (self.source != wanted.source, "another source"),
        ];
        differences.iter().find(|(differs, _)| *differs).map(|(_, what)| *what)
    }
}

/// Server, database and table, as the source itself says.
pub fn source_name(source: &Table) -> String {
    let (server, database) =
        source.server.as_ref().map_or(("", ""), |server| (&server.name, &server.database));
    format!("{server}/{database}/{}", source.object.name).chars().take(400).collect()
}

/// Characters of the ledger's columns for names.
const MOST_NAME: usize = 128;

/// Names, types and conversions of all columns, in order, which rows there are, and what ranges of a key depend on.
pub(crate) fn fingerprint(source: &Table, mapping: &Mapping, key: Option<&str>) -> String {
    let mut text = source.article.fingerprint();
    text.extend(key.map(|key| format!("key {key}\n")));
    for column in &mapping.columns {
        let conversion = &column.conversion;
        let _ = writeln!(
            text,
            "{:?} {:?} {} {:?} {} {}",
            column.target.name,
            conversion.expression,
            column.source.sql_type,
            conversion.collation,
            conversion.sent,
            column.target.sql_type,
        );
    }
    format!("{:032x}", XxHash3_128::oneshot(text.as_bytes()))
}
