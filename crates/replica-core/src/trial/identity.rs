//! The number that the target's identity column has come to: a load that keeps identity values moves it, and a rollback
//! does not take that back (docs/SERVER.md, "Identity columns"). Numbers that triggers take from other tables' identity
//! columns are gone, as after any rollback.
use super::Shown;
use crate::catalog::{Table, quote};
use crate::error::Result;
use crate::session::Session;
use crate::tds::rpc::{Param, Query};

/// What the next number depended on before anything was tried; `None` without an identity column that the row has a
/// value for, or where the server does not say.
pub(super) struct Identity {
    noted: Option<Noted>,
}

struct Noted {
    table: String,
    column: String,
    before: i64,
    /// The row's own value, which a load moves the column on to.
    loaded: i64,
}

impl Identity {
    pub async fn note(target: &mut Session, table: &Table, row: &[Shown]) -> Result<Self> {
        let shown = row.iter().find(|shown| shown.column.target.identity);
        let loaded = shown.and_then(|shown| shown.value.as_ref()?.parse().ok());
        let (Some(shown), Some(loaded)) = (shown, loaded) else { return Ok(Self { noted: None }) };
        let (table, column) = (table.object.name.quoted(), shown.column.target.name.clone());
        let noted = current(target, &table).await?.map(|before| Noted { table, column, before, loaded });
        Ok(Self { noted })
    }

    /// Puts it back, unless somebody else has moved it since: their numbers must not be given twice.
    pub async fn put_back(self, target: &mut Session) {
        let Some(noted) = self.noted else { return };
        if let Err(error) = noted.put_back(target).await {
            let Noted { table, column, before, .. } = &noted;
            log::warn!("{table}: the trial has moved {} on from {before}: {error}", quote(column));
        }
    }
}

impl Noted {
    async fn put_back(&self, target: &mut Session) -> Result<()> {
        if current(target, &self.table).await? == Some(self.before) {
            return Ok(());
        }
        target.lane()?.begin().await?;
        // Nobody gets a number until the commit.
        target
            .query(&format!("SELECT TOP (0) 1 AS nothing FROM {} WITH (TABLOCKX, HOLDLOCK)", self.table), &[])
            .await?;
        if current(target, &self.table).await? == Some(self.loaded) {
            let sql = "DBCC CHECKIDENT (@P1, RESEED, @P2) WITH NO_INFOMSGS".to_owned();
            let params = vec![Param::Text(self.table.clone()), Param::BigInt(self.before)];
            target.execute_long(Query { sql, params }).await?;
        }
        target.lane()?.commit().await
    }
}

async fn current(target: &mut Session, table: &str) -> Result<Option<i64>> {
    // last_value is NULL as long as no row was ever there: the next number is the seed then, as it is after a RESEED to
    // the number before it. A number beyond bigint is none that anybody has come to.
    let sql = "SELECT TRY_CAST(COALESCE(CAST(last_value AS decimal(38,0)), \
               CAST(seed_value AS decimal(38,0)) - CAST(increment_value AS decimal(38,0))) AS bigint) \
               FROM sys.identity_columns WHERE object_id = OBJECT_ID(@P1)";
    match target.query(sql, &[&table]).await {
        Ok(rows) => Ok(rows.first().and_then(|row| row.try_get::<i64, _>(0).ok().flatten())),
        Err(error) if error.server().is_some() && !error.is_transient() => Ok(None),
        Err(error) => Err(error),
    }
}
