//! What differs, on its way to the staging tables: rows of the source as they are, and the keys of rows that are gone.
//!
//! Two tables, and one session that takes one load at a time. Keys that are gone wait in a buffer; when that is full, the
//! load of rows ends, the keys are loaded, and the rows go on. So memory is bounded whatever differs.
use std::cmp::Ordering;

use super::DifferenceJob;
use super::apply::Staged;
use crate::compare::key::MergeKey;
use crate::compare::merge::{Merge, MergeStep};
use crate::compare::stream::MOST_ROW;
use crate::error::{Error, Result};
use crate::load::{self, Load, LoadColumn, Progress};
use crate::plan::Plan;
use crate::rows::RowSource;
use crate::session::Session;
use crate::tds::columns::WireColumn;
use crate::tds::fingerprint::Fingerprint;
use crate::tds::row::Block;
use crate::tds::token::kind::ROW;

/// Bytes of a block of staged rows: as many as the reader's have.
const BLOCK: usize = 64 << 10;
/// Bytes of keys that wait.
const MOST_GONE: usize = 4 << 20;

/// The rows that differ, as a merge comes to them.
pub(super) struct Differing<'a> {
    merge: Merge<'a>,
    key: &'a MergeKey,
    staged: Staged,
    /// Keys of rows that are gone, as bulk rows.
    gone: Vec<u8>,
    gone_rows: u64,
    ended: bool,
    /// Columns whose values may be of any length.
    long: Vec<&'a str>,
}

impl<'a> Differing<'a> {
    pub(crate) fn new(merge: Merge<'a>, key: &'a MergeKey, plan: &'a Plan) -> Self {
        let columns = plan.mapping.columns.iter().map(|mapped| &mapped.target);
        let long = columns.filter(|column| column.sql_type.is_unlimited()).map(|column| column.name.as_str());
        let long = long.collect();
        Self { merge, key, staged: Staged::default(), gone: Vec::new(), gone_rows: 0, ended: false, long }
    }

    /// The columns of the source's rows, and of the keys that name the target's.
    fn columns(&self) -> (Vec<WireColumn>, Vec<WireColumn>) {
        let (source, lead) = self.merge.source.columns();
        let (target, _) = self.merge.target.columns();
        let names = self.key.columns.len();
        (source[lead..].to_vec(), target[names..2 * names].to_vec())
    }

    /// Adds rows to a block until it is full, has `most` of them, or keys have to be loaded first. Says how many.
    async fn fill(&mut self, block: &mut Vec<u8>, most: u64) -> Result<u64> {
        let mut rows = 0;
        while !self.ended && rows < most && block.len() < BLOCK && self.gone.len() < MOST_GONE {
            let step = self.merge.next().await.map_err(|error| error.within("comparing both sides"))?;
            let mut is_all = true;
            let ordering = match step {
                MergeStep::Differs(ordering) => ordering,
                MergeStep::Long(ordering) => {
                    if ordering.is_le() {
                        is_all = self.merge.source.keep_rest().await?;
                    }
                    self.merge.pass_rest(ordering).await?;
                    if !self.merge.differs(ordering) {
                        continue;
                    }
                    ordering
                }
                MergeStep::End => {
                    self.ended = true;
                    break;
                }
                MergeStep::OutOfOrder => {
                    return Err(Error::data(
                        "a server gives the rows in another order than that of their key",
                    )
                    .remedy("Say --apply replace"));
                }
            };
            let source = self.merge.source.row.get(1..).unwrap_or_default();
            let target = self.merge.target.row.get(1..).unwrap_or_default();
            if ordering.is_gt() {
                let (_, rest) = self.key.split(target);
                let (names, _) = self.key.split(rest);
                self.gone.push(ROW);
                self.gone.extend_from_slice(names);
                self.gone_rows += 1;
                self.staged.gone += 1;
                continue;
            }
            if !is_all {
                let (most, long) = (MOST_ROW >> 20, self.long.join(", "));
                return Err(Error::data(format!(
                    "a row that differs has more than {most} MiB, in columns {long}"
                ))
                .remedy("Say --apply replace, which needs to hold no row"));
            }
            let (named_by, row) = self.key.split(source);
            match ordering {
                Ordering::Equal => {
                    self.staged.changed += 1;
                    self.staged.renamed |= self.key.split(target).0 != named_by;
                }
                _ => self.staged.new += 1,
            }
            block.push(ROW);
            block.extend_from_slice(row);
            rows += 1;
        }
        Ok(rows)
    }

    /// How many rows differ, and all rows of the source's part.
    pub(crate) async fn end(self) -> Result<(Staged, Fingerprint)> {
        let fingerprint = self.merge.source.fingerprint();
        self.merge.cancel().await?;
        Ok((self.staged, fingerprint))
    }
}

/// Makes the staging tables and fills them. Says how many bytes of rows there are.
pub(super) async fn stage(
    differing: &mut Differing<'_>,
    writer: &mut Session,
    job: &DifferenceJob<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<u64> {
    for sql in job.difference.create() {
        writer.execute(&sql).await.map_err(|error| error.within("making a table in tempdb"))?;
    }
    let (columns, names) = differing.columns();
    let tables = &job.difference.staging;
    let rows = staging(job.plan.load(&columns)?, &tables.rows);
    let named_by = job.difference.named_by().iter().zip(&names).map(|(column, arrived)| {
        let collation = column.collation.as_ref().map(|collation| collation.name.as_str());
        LoadColumn::new(column, arrived, collation)
    });
    let gone = Load { columns: named_by.collect(), ..staging(rows.clone(), &tables.gone) };
    let mut bytes = 0;
    while !differing.ended {
        let source = NewRows { differing, columns: columns.clone(), chunk: u64::MAX, sent: 0 };
        bytes += load::stream(source, writer.lane()?, &rows, progress).await?.bytes;
        if differing.gone_rows > 0 {
            let block = Block {
                bytes: std::mem::take(&mut differing.gone),
                rows: std::mem::take(&mut differing.gone_rows),
                whole: true,
            };
            let keys = GoneKeys { block: Some(block), columns: names.clone() };
            load::stream(keys, writer.lane()?, &gone, &mut |_| {}).await?;
        }
    }
    Ok(bytes)
}

/// Into a table that nobody else sees.
pub(in crate::copy) fn staging(load: Load, table: &str) -> Load {
    let hints = vec!["KEEP_NULLS".to_owned(), "TABLOCK".to_owned()];
    Load { table: table.to_owned(), hints, commit_rows: None, fence: None, ..load }
}

/// Rows that are new or have changed, up to the end, or until keys have to be loaded first.
struct NewRows<'d, 'a> {
    differing: &'d mut Differing<'a>,
    columns: Vec<WireColumn>,
    chunk: u64,
    sent: u64,
}

impl RowSource for NewRows<'_, '_> {
    fn columns(&self) -> &[WireColumn] {
        &self.columns
    }

    fn set_chunk_rows(&mut self, rows: u64) {
        self.chunk = rows.max(1);
    }

    async fn next(&mut self, mut empty: Vec<u8>) -> Result<Option<Block>> {
        empty.clear();
        let left = self.chunk - self.sent % self.chunk;
        let rows = self.differing.fill(&mut empty, left).await?;
        self.sent += rows;
        Ok((rows > 0).then_some(Block { bytes: empty, rows, whole: true }))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint { rows: self.sent, ..Fingerprint::default() }
    }

    async fn cancel(self) -> Result<()> {
        Ok(())
    }
}

/// Keys that have waited.
struct GoneKeys {
    block: Option<Block>,
    columns: Vec<WireColumn>,
}

impl RowSource for GoneKeys {
    fn columns(&self) -> &[WireColumn] {
        &self.columns
    }

    /// There is one block, which is one message.
    fn set_chunk_rows(&mut self, _: u64) {}

    async fn next(&mut self, _: Vec<u8>) -> Result<Option<Block>> {
        Ok(self.block.take())
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::default()
    }

    async fn cancel(self) -> Result<()> {
        Ok(())
    }
}
