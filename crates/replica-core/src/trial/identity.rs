//! The target's identity column, which a trial moves on and puts back. Numbers that triggers take from other tables'
//! identity columns are gone, as after any rollback.
use super::Shown;
use crate::catalog::{Table, TableName, quote};
use crate::error::Result;
use crate::identity::{current, lock, reseed};
use crate::session::Session;

/// What the next number depended on before anything was tried; `None` without an identity column that the row has a
/// value for, or where the server does not say.
pub(super) struct Identity {
    noted: Option<Noted>,
}

struct Noted {
    table: TableName,
    column: String,
    before: i64,
    /// The row's own value, which a load moves the column on to.
    loaded: i64,
}

impl Identity {
    pub(super) async fn note(target: &mut Session, table: &Table, row: &[Shown]) -> Result<Self> {
        let shown = row.iter().find(|shown| shown.column.target.identity);
        let loaded = shown.and_then(|shown| shown.value.as_ref()?.parse().ok());
        let (Some(shown), Some(loaded)) = (shown, loaded) else { return Ok(Self { noted: None }) };
        let table = table.object.name.clone();
        let column = shown.column.target.name.clone();
        let noted = current(target, &table).await?.map(|before| Noted { table, column, before, loaded });
        Ok(Self { noted })
    }

    /// Puts it back, unless somebody else has moved it since: their numbers must not be given twice.
    pub(super) async fn put_back(self, target: &mut Session) {
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
        lock(target, &self.table).await?;
        if current(target, &self.table).await? == Some(self.loaded) {
            reseed(target, &self.table, self.before).await?;
        }
        target.lane()?.commit().await
    }
}
