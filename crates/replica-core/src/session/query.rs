//! Control queries: tiberius asks, and every answer is read to its end.
use futures_util::TryStreamExt;
use tiberius::{ColumnData, QueryItem, QueryStream};

use super::{Row, Session, ToSql, watch};
use crate::catalog::CatalogAnswer;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::read::{SmallResults, rows_of};
use crate::tds::rpc::Query;

/// Bytes that the answer to a control query may take in memory, and more than any takes. On the wire it is less: a NULL
/// is a bit there.
const MOST_HELD: usize = 256 << 20;

impl Session {
    /// The rows of the first result set. Parameters are `@P1`, `@P2`, ...
    ///
    /// # Errors
    /// As [`Self::query_all`].
    pub async fn query(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Row>> {
        Ok(self.query_all(sql, params).await?.into_iter().next().unwrap_or_default())
    }

    /// The rows of every result set, in order. Inside a transaction when one is open on the lane.
    ///
    /// # Errors
    /// An error of the server leaves the session usable, but ends the transaction. Silence beyond the
    /// command timeout and a lost connection end the session.
    pub async fn query_all(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Vec<Row>>> {
        let lane = self.idle_lane()?;
        let in_transaction = lane.in_transaction();
        let (watched, number) = (lane.watch().cloned(), lane.number());
        if let Some(mut lane) = self.lane.take() {
            lane.is_lent();
            self.shared.lend(lane);
        }
        let client = &mut self.client;
        // Without parameters as a batch of its own: what sp_executesql sets or creates ends with it.
        let answer = async move {
            match params {
                [] => collected(client.simple_query(sql).await?).await,
                _ => collected(client.query(sql, params).await?).await,
            }
        };
        let answer = match watch::within(watched.as_ref(), number, self.silence, answer).await {
            Ok(answer) => answer,
            Err(silent) => {
                self.shared.take_back();
                return Err(silent.within(&self.place));
            }
        };
        let lane = self.shared.take_back();
        match answer {
            Ok(rows) => {
                self.lane = lane;
                Ok(rows)
            }
            // tiberius raises a server's errors when it has read the answer to its end.
            Err(tiberius::error::Error::Server(e)) => {
                self.lane = lane;
                if in_transaction {
                    self.lane()?.rollback().await?;
                }
                Err(tiberius::error::Error::Server(e).into())
            }
            Err(e) => Err(Error::from(e).within(&self.place)),
        }
    }

    /// The same of the catalog, read from the lane: integers, flags and names.
    ///
    /// # Errors
    /// As [`Self::query_all`].
    pub(crate) async fn records(&mut self, query: Query) -> Result<Vec<Vec<CatalogRow>>> {
        let in_transaction = self.idle_lane()?.in_transaction();
        let SmallResults { sets, ended } = SmallResults::of(self, query).await?;
        if ended.is_err() && in_transaction {
            self.lane()?.rollback().await?;
        }
        ended?;
        rows_of(&sets)
    }

    /// Keeps an answer for whoever is going to ask for it.
    pub(crate) fn keep_ahead(&mut self, about: String, answer: CatalogAnswer) {
        self.ahead.insert(about, answer);
    }

    /// An answer that was asked for ahead, once.
    pub(crate) fn take_ahead(&mut self, about: &str) -> Option<CatalogAnswer> {
        self.ahead.remove(about)
    }
}

/// The rows of every result set: what tiberius' `into_results` does, with an end.
async fn collected(mut answer: QueryStream<'_>) -> tiberius::Result<Vec<Vec<Row>>> {
    let mut results: Vec<Vec<Row>> = Vec::new();
    let mut held = 0;
    while let Some(item) = answer.try_next().await? {
        held += match &item {
            QueryItem::Row(row) => size_of::<Row>() + row.len() * size_of::<ColumnData<'static>>(),
            QueryItem::Metadata(_) => size_of::<Vec<Row>>(),
        };
        if held > MOST_HELD {
            let what = "the server answers a control query without end";
            return Err(tiberius::error::Error::Protocol(what.into()));
        }
        match (item, results.last_mut()) {
            (QueryItem::Row(row), Some(rows)) => rows.push(row),
            (QueryItem::Row(row), None) => results.push(vec![row]),
            (QueryItem::Metadata(_), _) => results.push(Vec::new()),
        }
    }
    Ok(results)
}
