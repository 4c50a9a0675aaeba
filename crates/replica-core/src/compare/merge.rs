//! The rows that make a part differ: both sides are read in the order of a key and merged, row by row.
use std::cmp::Ordering;

use super::key::MergeKey;
use super::part::RereadRows;
use super::stream::Stream;
use super::{Both, Reading};
use crate::error::Result;
use crate::session::Role;

/// Both sides of a part on their way.
pub(crate) struct Merge<'a> {
    pub source: Stream<'a>,
    pub target: Stream<'a>,
    key: &'a MergeKey,
    /// Whether source and target have a current row.
    heads: (bool, bool),
    /// How the keys of the current rows compare, which were handed out last; `None`: nothing was read yet.
    current: Option<Ordering>,
}

/// What a merge comes to next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeStep {
    /// A row that the source alone has (`Less`), that the target alone has (`Greater`), or that both have with other
    /// values (`Equal`): `row` of the streams that have it.
    Differs(Ordering),
    /// As `Differs`, of a row that is too long to be there as a whole: [`Merge::differs`] knows whether it does once it has been
    /// read to its end.
    Long(Ordering),
    /// A side does not come in the order of the key: what was merged so far says nothing.
    OutOfOrder,
    End,
}

impl<'a> Merge<'a> {
    /// `named`: the rows of the target also bring the key's columns as they are (see
    /// [`Comparison::keyed`](super::Comparison::keyed)).
    ///
    /// # Errors
    /// The servers'; lost connections.
    pub(crate) async fn open(
        both: Both<'a>,
        reading: &'a Reading<'a>,
        part: &RereadRows,
        key: &'a MergeKey,
        named: bool,
    ) -> Result<Self> {
        let question = |role| {
            if named {
                reading.comparison.keyed(role, part, key)
            } else {
                reading.comparison.part(role, part, Some(key))
            }
        };
        let source = Stream::open(both.source, question(Role::Source), reading, false).await?;
        let target = Stream::open(both.target, question(Role::Target), reading, false).await?;
        Ok(Self { source, target, key, heads: (false, false), current: None })
    }

    /// Goes to the next row that differs, or is long.
    ///
    /// # Errors
    /// Those of the streams.
    pub(crate) async fn next(&mut self) -> Result<MergeStep> {
        loop {
            if !self.advance().await? {
                return Ok(MergeStep::OutOfOrder);
            }
            let ordering = match self.heads {
                (true, true) => self.key.compare(&self.source.row, &self.target.row),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => return Ok(MergeStep::End),
            };
            self.current = Some(ordering);
            if !(ordering.is_gt() || self.source.is_whole) || !(ordering.is_lt() || self.target.is_whole) {
                return Ok(MergeStep::Long(ordering));
            }
            if self.differs(ordering) {
                return Ok(MergeStep::Differs(ordering));
            }
        }
    }

    /// Whether the current rows differ, which have been read to their ends.
    pub(crate) fn differs(&self, ordering: Ordering) -> bool {
        ordering.is_ne() || self.source.hash != self.target.hash
    }

    /// Reads the current rows to their ends.
    ///
    /// # Errors
    /// Those of the streams.
    pub(crate) async fn pass_rest(&mut self, ordering: Ordering) -> Result<()> {
        if ordering.is_le() {
            self.source.pass_rest().await?;
        }
        if ordering.is_ge() {
            self.target.pass_rest().await?;
        }
        Ok(())
    }

    /// Leaves the current rows; `false`: a side is out of order.
    async fn advance(&mut self) -> Result<bool> {
        let Some(current) = self.current else {
            self.heads = (self.source.next().await?, self.target.next().await?);
            return Ok(true);
        };
        let mut in_order = true;
        if current.is_le() && self.heads.0 {
            self.heads.0 = self.source.next().await?;
            in_order &= !self.heads.0 || self.key.compare(&self.source.previous, &self.source.row).is_le();
        }
        if current.is_ge() && self.heads.1 {
            self.heads.1 = self.target.next().await?;
            in_order &= !self.heads.1 || self.key.compare(&self.target.previous, &self.target.row).is_le();
        }
        Ok(in_order)
    }

    /// Leaves the rest unread; the connections are ready for the next request.
    ///
    /// # Errors
    /// Lost connections.
    pub(crate) async fn cancel(self) -> Result<()> {
        self.source.cancel().await?;
        self.target.cancel().await
    }
}
