//! The row's loads, each in a transaction that is rolled back.
use std::ops::ControlFlow;

use super::Subject;
use crate::catalog::index::Index;
use crate::catalog::{Column, SqlType, quote};
use crate::copy::Sides;
use crate::error::Error;
use crate::error::Result;
use crate::find::{Key, Places, each_row};
use crate::load;
use crate::plan::{Part, Plan};
use crate::read::Rows;
use crate::tds::rpc::Query;
use crate::types::mapping::MappedColumn;

pub(super) struct Bench<'a> {
    sides: &'a mut Sides,
    subject: &'a Subject<'a>,
    part: Part,
    /// What is deleted from the target before each load.
    in_the_way: Vec<Query>,
}

impl<'a> Bench<'a> {
    pub fn new(sides: &'a mut Sides, subject: &'a Subject<'a>, places: &Places<'_>) -> Self {
        Self { sides, subject, part: places.part(Some(0..1)), in_the_way: Vec::new() }
    }

    pub fn plan(&self) -> &'a Plan {
        self.subject.plan
    }

    /// Loads the row, with NULL or a plain value in the columns of these numbers. `None`: the target takes it;
    /// otherwise why it does not.
    pub async fn load(&mut self, replaced: &[usize]) -> Result<Option<Error>> {
        let mut plan = self.subject.plan.clone();
        for number in replaced {
            if let Some(column) = plan.mapping.columns.get_mut(*number)
                && let Some(plain) = plain_value(column)
            {
                column.conversion.expression = plain;
            }
        }
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
    pub async fn make_room(&mut self) -> Result<()> {
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
        let table = self.subject.plan.source.quoted();
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
        let key = Key { columns: columns.iter().map(|column| (*column).clone()).collect() };
        let mut params = Vec::new();
        let predicate = key.predicate(&values, &mut params)?;
        let target = self.subject.plan.target.quoted();
        Ok(Some(Query { sql: format!("DELETE FROM {target} WHERE {predicate}"), params }))
    }
}

/// An expression of the same type as the column's own, for a value that can hardly be refused: NULL, or else the
/// plainest there is. `None`: there is none.
pub(super) fn plain_value(column: &MappedColumn) -> Option<String> {
    let nothing = format!("CASE WHEN 1 = 0 THEN {} END", column.conversion.expression);
    if column.target.nullable {
        return Some(nothing);
    }
    let plain = match &column.target.sql_type {
        SqlType::Date
        | SqlType::DateTime
        | SqlType::SmallDateTime
        | SqlType::DateTime2(_)
        | SqlType::DateTimeOffset(_) => "'20000101'",
        SqlType::Time(_) => "'00:00:00'",
        SqlType::UniqueIdentifier => "'00000000-0000-0000-0000-000000000000'",
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Image => "0x00",
        sql_type if sql_type.is_text() => "''",
        SqlType::Xml | SqlType::Json | SqlType::Vector(_) | SqlType::Clr(_) | SqlType::Other(_) => {
            return None;
        }
        _ => "0",
    };
    // ISNULL has the type of its first argument.
    Some(format!("ISNULL({nothing}, {plain})"))
}

/// A column as SQL names it.
pub(super) fn quoted(column: &MappedColumn) -> String {
    quote(&column.source.name)
}
