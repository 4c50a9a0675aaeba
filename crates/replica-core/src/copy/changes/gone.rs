//! Rows that are gone at the source, where nothing tells of them: the keys of both sides are added up and, if the sums
//! differ, merged in their order. Keys that the target alone has are staged.
use crate::compare::key::MergeKey;
use crate::compare::merge::{Merge, MergeStep};
use crate::compare::part::RereadRows;
use crate::compare::{self, Both, Comparison, FirstPass, Reading, Throttle};
use crate::copy::difference::stage::staging;
use crate::error::{Error, Result};
use crate::load;
use crate::plan::ChangesPlan;
use crate::rows::RowSource;
use crate::session::{Role, Session};
use crate::tds::columns::WireColumn;
use crate::tds::fingerprint::Fingerprint;
use crate::tds::row::Block;
use crate::tds::token::kind::ROW;

/// Bytes of a block of keys.
const BLOCK: usize = 64 << 10;

/// Stages the keys that the source does not have. `source` is in the snapshot that rows are read in; `reader` reads the
/// target, and `writer` has the staging tables. Says how many there are.
///
/// # Errors
/// The servers'; lost connections.
pub(super) async fn stage(
    source: &mut Session,
    (reader, writer): (&mut Session, &mut Session),
    plan: &ChangesPlan,
    comparison: &Comparison,
) -> Result<u64> {
    let throttle = Throttle::new(None);
    let reading = Reading { comparison, throttle: &throttle, snapshot: true, show_rows: 0 };
    reading.begin(reader, Role::Target).await?;
    let sides = Both { source: &mut *source, target: &mut *reader };
    let first = FirstPass::of(sides, &reading, None, false, &mut |_| {}).await?;
    let mut gone = 0;
    if let (Some(_), Some(key)) = (&first.differing, &comparison.key) {
        let sides = Both { source, target: &mut *reader };
        let merge = Merge::open(sides, &reading, &RereadRows::All(None), key, true).await?;
        let names = key.columns.len();
        let columns = merge.target.columns().0[names..2 * names].to_vec();
        let load = staging(plan.load_keys(&columns, Role::Target)?, &plan.difference()?.staging.gone);
        let keys = KeysOfTarget { merge, key, columns, ended: false, rows: 0 };
        gone = load::stream(keys, writer.lane()?, &load, &mut |_| {}).await?.fingerprint.rows;
    }
    compare::end(reader).await?;
    Ok(gone)
}

/// Keys of the target that the source does not have, as a merge comes to them.
struct KeysOfTarget<'a> {
    merge: Merge<'a>,
    key: &'a MergeKey,
    columns: Vec<WireColumn>,
    ended: bool,
    rows: u64,
}

impl RowSource for KeysOfTarget<'_> {
    fn columns(&self) -> &[WireColumn] {
        &self.columns
    }

    /// Keys of a table that has no end are one message.
    fn set_chunk_rows(&mut self, _: u64) {}

    async fn next(&mut self, mut block: Vec<u8>) -> Result<Option<Block>> {
        block.clear();
        let mut rows = 0;
        while !self.ended && block.len() < BLOCK {
            match self.merge.next().await? {
                MergeStep::End => self.ended = true,
                MergeStep::OutOfOrder => {
                    return Err(Error::data("a server gives the keys in another order than theirs"));
                }
                MergeStep::Differs(ordering) | MergeStep::Long(ordering) if ordering.is_gt() => {
                    let row = self.merge.target.row.get(1..).unwrap_or_default();
                    let (_, rest) = self.key.split(row);
                    block.push(ROW);
                    block.extend_from_slice(self.key.split(rest).0);
                    rows += 1;
                }
                // What is new or has changed comes by its rowversion.
                MergeStep::Differs(_) | MergeStep::Long(_) => {}
            }
        }
        self.rows += rows;
        Ok((rows > 0).then_some(Block { bytes: block, rows, whole: true }))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint { rows: self.rows, ..Fingerprint::default() }
    }

    async fn cancel(self) -> Result<()> {
        self.merge.cancel().await
    }
}
