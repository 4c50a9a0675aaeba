//! The row's loads, each in a transaction that is rolled back.
use std::ops::ControlFlow;

use super::TrialTable;
use crate::catalog::index::Index;
use crate::catalog::{Column, quote};
use crate::copy::Sides;
use crate::error::Error;
use crate::error::Result;
use crate::find::{Places, RowKey, each_row};
use crate::load;
use crate::plan::{Plan, RowSelection};
use crate::read::Rows;
use crate::tds::rpc::Query;
use crate::types::mapping::MappedColumn;
use crate::types::plain_value;

pub(super) struct TrialTransaction<'a> {
    sides: &'a mut Sides,
    subject: &'a TrialTable<'a>,
    part: RowSelection,
    /// Columns that take their default, as a load lists them instead.
    defaults: Vec<MappedColumn>,
    /// What is deleted from the target before each load.
    in_the_way: Vec<Query>,
}

impl<'a> TrialTransaction<'a> {
    pub(super) fn new(sides: &'a mut Sides, subject: &'a TrialTable<'a>, places: &Places<'_>) -> Self {
        let defaults = subject.plan.defaults(subject.target);
        Self { sides, subject, part: places.part(Some(0..1)), defaults, in_the_way: Vec::new() }
    }

    /// The columns that can be tried apart: those of the plan by their number, and beyond them the defaults.
    pub(super) fn columns(&self) -> Vec<usize> {
        let columns = &self.plan().mapping.columns;
        let plain = (0..columns.len()).filter(|n| plain_value(&columns[*n]).is_some());
        plain.chain((columns.len()..).take(self.defaults.len())).collect()
    }

    pub(super) fn plan(&self) -> &'a Plan {
        self.subject.plan
    }

    /// Loads the row, with NULL or a plain value in the [columns](Self::columns) of these numbers. `None`: the target takes it;
    /// otherwise why it does not.
    pub(super) async fn load(&mut self, replaced: &[usize]) -> Result<Option<Error>> {
        let mut plan = self.subject.plan.clone();
        let defaults = replaced.iter().filter_map(|number| number.checked_sub(plan.mapping.columns.len()));
        let listed: Vec<_> = defaults.filter_map(|number| self.defaults.get(number).cloned()).collect();
        for number in replaced {
            if let Some(column) = plan.mapping.columns.get_mut(*number)
                && let Some(plain) = plain_value(column)
            {
                column.conversion.expression = plain;
            }
        }
        plan.mapping.columns.extend(listed);
        self.sides.target.lane()?.begin().await?;
        let loaded = self.load_in_transaction(&plan).await;
        self.sides.target.lane()?.rollback().await?;
        match loaded {
            Ok(()) => Ok(None),
            Err(error) if error.server().is_some() && !error.is_transient() => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    async fn load_in_transaction(&mut self, plan: &Plan) -> Result<()> {
        let Sides { source, target } = &mut *self.sides;
        for query in &self.in_the_way {
            target.execute_long(query.clone()).await?;
        }
        let rows = Rows::open(source.lane()?, plan.select_part(&self.part)).await;
        let rows = rows.map_err(|error| error.within("reading from the source"))?;
        let mut load = plan.load(rows.columns())?;
        load.hints.retain(|hint| hint != "TABLOCK");
        load::stream(rows, target.lane()?, &load, &mut |_| ()).await?;
        Ok(())
    }

    /// From here on the target's own rows with the row's key, or with that of one of its unique indexes, go first: a
    /// copy replaces them.
    pub(super) async fn make_room(&mut self) -> Result<()> {
        let unique = |index: &&Index| index.unique && !index.disabled && !index.filtered;
        let target = self.subject.target;
        for index in target.indexes.iter().flatten().filter(unique) {
            let columns: Option<Vec<&Column>> =
                index.keys.iter().map(|key| target.column(key.column_id)).collect();
            let Some(columns) = columns.filter(|columns| !columns.is_empty()) else { continue };
            let delete = self.delete(&columns).await?;
            self.in_the_way.extend(delete);
        }
        Ok(())
    }

    /// Deletes what has the row's values in these columns of the target. `None`: the row does not have them all.
    async fn delete(&mut self, columns: &[&Column]) -> Result<Option<Query>> {
        let mapped = columns.iter().map(|column| {
            let mapped = self.plan().mapping.columns.iter().find(|mapped| mapped.target.id == column.id);
            mapped.map(|mapped| mapped.conversion.expression.clone())
        });
        let Some(items) = mapped.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let table = self.subject.plan.rows_from.unnamed();
        let query = self.part.query(&format!("SELECT {} FROM {table}", items.join(", ")));
        let mut values = None;
        each_row(&mut self.sides.source, query, |row| {
            let texts = row.values().map(|value| value.map(|value| value.to_string()));
            let is_null = row.raws().any(|raw| raw.is_none());
            values = Some(texts.collect::<Result<Vec<_>, _>>()?).filter(|_| !is_null);
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        let Some(values) = values else { return Ok(None) };
        let key = RowKey { columns: columns.iter().map(|column| (*column).clone()).collect() };
        let mut params = Vec::new();
        let predicate = key.predicate(&values, &mut params)?;
        let target = self.subject.plan.target.quoted();
        Ok(Some(Query { sql: format!("DELETE FROM {target} WHERE {predicate}"), params }))
    }
}

/// A column as SQL names it.
pub(super) fn quoted(column: &MappedColumn) -> String {
    quote(&column.source.name)
}
