//! How a partitioned target is laid out, as its catalog says.
use std::ops::RangeInclusive;

use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::catalog::record::CatalogRow;
use crate::catalog::{Column, SqlType, TableName};
use crate::error::Result;
use crate::session::Session;
use crate::tds::rpc::Param;
use crate::window::DayRange;

/// The partitions of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The column that decides the partition.
    pub column_id: i32,
    /// The first day of each partition but the first; `None` where a boundary is no day.
    pub first_days: Option<Vec<Date>>,
    /// The boundaries as the server writes them, in their order.
    pub boundaries: Vec<String>,
    pub partitions: Vec<PartitionLayout>,
    pub identity: IdentitySeed,
}

/// Where an identity column begins, and how it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentitySeed {
    pub seed: i64,
    pub increment: i64,
}

impl Default for IdentitySeed {
    fn default() -> Self {
        Self { seed: 1, increment: 1 }
    }
}

/// One partition of one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionLayout {
    pub index_id: i32,
    pub number: usize,
    pub compression: String,
    pub filegroup: String,
}

impl Layout {
    /// Asks the server.
    ///
    /// # Errors
    /// The server's: the caller can do without.
    pub async fn read(session: &mut Session, table: &TableName, columns: &[Column]) -> Result<Self> {
        let name = table.quoted();
        let boundaries = ask(session, &format!("{BOUNDARIES}ORDER BY boundary_id"), &name).await?;
        let partitions = ask(session, include_str!("partitions.sql"), &name).await?;
        let identity = ask(session, include_str!("identity.sql"), &name).await?;
        let column_id = boundaries.first().and_then(|row| row.int("column_id")).unwrap_or_default();
        let column_id = i32::try_from(column_id).unwrap_or_default();
        let partitioning = columns.iter().find(|column| column.id == column_id);
        let sql_type = partitioning.map(|column| &column.sql_type);
        Ok(Self {
            column_id,
            first_days: first_days(&boundaries, sql_type),
            boundaries: boundaries
                .iter()
                .map(|row| row.text("boundary").unwrap_or_default().to_owned())
                .collect(),
            partitions: partitions.iter().map(partition).collect::<Result<_>>()?,
            identity: identity.first().and_then(IdentitySeed::from_record).unwrap_or_default(),
        })
    }

    /// The numbers of the partitions that hold a window and nothing else.
    pub fn partitions_of(&self, window: &DayRange) -> Option<RangeInclusive<usize>> {
        let days = self.first_days.as_ref()?;
        // What comes after the last boundary may be of any day, and a window without end wants all of them.
        if window.is_endless() {
            return None;
        }
        let boundary = |wanted| days.iter().position(|day| *day == wanted);
        // Partition 1 comes before the first boundary.
        Some(boundary(window.first)? + 2..=boundary(window.next)? + 1)
    }
}

/// Two boundaries, with partitions between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionBounds {
    target: TableName,
    /// Each as the server numbers it, and its value.
    boundaries: [(usize, String); 2],
}

/// What the batch throws where they are others: a number above 50,000 is free (Microsoft docs, THROW).
const MOVED: u32 = 50_974;

impl PartitionBounds {
    /// Of partitions that [`Layout::partitions_of`] has found.
    pub fn of(layout: &Layout, target: &TableName, partitions: &RangeInclusive<usize>) -> Option<Self> {
        let boundary = |n: usize| Some((n, layout.boundaries.get(n.checked_sub(1)?)?.clone()));
        let boundaries = [boundary(partitions.start().checked_sub(1)?)?, boundary(*partitions.end())?];
        Some(Self { target: target.clone(), boundaries })
    }

    /// Throws, unless the partitions are still those between them. A boundary that somebody has merged away since makes them
    /// some of other days, too. After a SWITCH they stay as they are up to the commit: it locks the table as ALTER PARTITION
    /// FUNCTION would (Sch-M).
    pub fn check(&self, params: &mut Vec<Param>) -> String {
        let mut param = |text: &str| {
            params.push(Param::Text(text.to_owned()));
            params.len()
        };
        let target = param(&self.target.quoted());
        let [(before, earlier), (after, later)] =
            [0, 1].map(|n| (self.boundaries[n].0, param(&self.boundaries[n].1)));
        let boundaries = BOUNDARIES.replace("@P1", &format!("@P{target}"));
        format!(
            "IF (SELECT COUNT(*) FROM (\n{boundaries}) AS b WHERE (b.boundary_id = {before} AND b.boundary = @P{earlier}) \
             OR (b.boundary_id = {after} AND b.boundary = @P{later})) <> 2 \
             THROW {MOVED}, N'The window is made of other partitions by now.', 1"
        )
    }
}

/// `@P1` is the table's quoted name.
const BOUNDARIES: &str = include_str!("layout.sql");

impl IdentitySeed {
    /// `None`: beyond bigint, or unknown.
    fn from_record(row: &CatalogRow) -> Option<Self> {
        Some(Self { seed: row.int("seed")?, increment: row.int("increment")? })
    }
}

async fn ask(session: &mut Session, sql: &str, table: &str) -> Result<Vec<CatalogRow>> {
    Ok(session.query(sql, &[&table]).await?.iter().map(CatalogRow::from).collect())
}

fn partition(row: &CatalogRow) -> Result<PartitionLayout> {
    Ok(PartitionLayout {
        index_id: row.number("index_id")?,
        number: row.number("partition_number")?,
        compression: row.text("compression").unwrap_or("NONE").to_owned(),
        filegroup: row.name("filegroup_name")?,
    })
}

/// A boundary belongs to the partition on its right, or else to the one on its left: then that one ends with it, which
/// is the end of a day only where values are whole days.
fn first_days(boundaries: &[CatalogRow], sql_type: Option<&SqlType>) -> Option<Vec<Date>> {
    let whole_days = matches!(sql_type, Some(SqlType::Date | SqlType::Int | SqlType::BigInt));
    let on_right = boundaries.first()?.flag("on_right");
    if !on_right && !whole_days {
        return None;
    }
    let first_day = |row: &CatalogRow| {
        let day = day(row.text("boundary")?)?;
        if on_right { Some(day) } else { day.next_day() }
    };
    boundaries.iter().map(first_day).collect()
}

/// A day as `2024-01-31T00:00:00` or 20240131; `None` for a moment within a day.
fn day(text: &str) -> Option<Date> {
    const ISO: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
    const COMPACT: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");
    match text.split_once('T') {
        Some((day, time)) => {
            let midnight = time.chars().all(|c| matches!(c, '0' | ':' | '.'));
            Date::parse(day, ISO).ok().filter(|_| midnight)
        }
        None => Date::parse(text, COMPACT).ok(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::catalog::record::CatalogValue;

    fn boundaries(on_right: bool, values: &[&str]) -> Vec<CatalogRow> {
        let row = |value: &&str| {
            CatalogRow::new([
                ("on_right".to_owned(), CatalogValue::Int(on_right.into())),
                ("boundary".to_owned(), CatalogValue::Text((*value).to_owned())),
            ])
        };
        values.iter().map(row).collect()
    }

    #[test]
    fn windows_that_are_partitions_are_found() {
        let rows =
            boundaries(true, &["2024-01-01T00:00:00", "2024-02-01T00:00:00.0000000", "2024-03-01T00:00:00"]);
        let layout = Layout { first_days: first_days(&rows, Some(&SqlType::DateTime)), ..Layout::default() };
        let of = |first, next| layout.partitions_of(&DayRange { first, next });
        assert_eq!(of(date!(2024 - 01 - 01), date!(2024 - 02 - 01)), Some(2..=2));
        assert_eq!(of(date!(2024 - 02 - 01), date!(2024 - 03 - 01)), Some(3..=3));
        assert_eq!(of(date!(2024 - 01 - 01), date!(2024 - 03 - 01)), Some(2..=3));
        assert_eq!(of(date!(2024 - 01 - 15), date!(2024 - 03 - 01)), None, "a part of one");
        assert_eq!(of(date!(2024 - 03 - 01), date!(2024 - 04 - 01)), None, "the last one has no end");
    }

    #[test]
    fn a_boundary_may_be_the_last_day() {
        let days = [date!(2024 - 02 - 01), date!(2024 - 03 - 01)];
        let rows = boundaries(false, &["2024-01-31T00:00:00", "2024-02-29T00:00:00"]);
        assert_eq!(first_days(&rows, Some(&SqlType::Date)), Some(days.to_vec()));
        assert_eq!(first_days(&rows, Some(&SqlType::DateTime2(7))), None, "the day would be cut");
        let rows = boundaries(false, &["20240131", "20240229"]);
        assert_eq!(first_days(&rows, Some(&SqlType::Int)), Some(days.to_vec()));
    }

    #[test]
    fn a_boundary_within_a_day_is_none() {
        assert_eq!(first_days(&boundaries(true, &["2024-01-01T12:00:00"]), Some(&SqlType::DateTime)), None);
        assert_eq!(first_days(&boundaries(true, &["20241399"]), Some(&SqlType::Int)), None);
    }
}
