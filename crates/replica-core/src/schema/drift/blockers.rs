//! What stands in the way of a column's other type (5074, 4922), and how it is taken out of the way and put back.
//! Microsoft docs, "ALTER TABLE", ALTER COLUMN, "The modified column can't be".
use crate::catalog::quote;
use crate::schema::ddl;
use crate::schema::definition::{Backs, DataSpace, Definition, IndexDefinition, Statistics, same_name};
use crate::schema::expression::mentions;
use crate::schema::statement::{Cost, DdlStatement};

/// Which changes of a column: each is stopped by other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnChange {
    /// A longer varchar, nvarchar or varbinary.
    Grows,
    /// NOT NULL to NULL.
    TakesNull,
    /// NULL to NOT NULL.
    RefusesNull,
    Type,
    Collation,
}

#[derive(Debug, Default)]
pub(crate) struct Blockers {
    /// What can be dropped and made again.
    pub names: Vec<String>,
    pub drop: Vec<DdlStatement>,
    pub again: Vec<DdlStatement>,
    /// What cannot.
    pub firm: Vec<String>,
}

impl Blockers {
    pub(crate) fn of(table: &Definition, column: &str, change: ColumnChange) -> Self {
        let mut blockers = Self::default();
        let is_it = |name: &String| same_name(name, column);
        if let DataSpace::Scheme { column: by, .. } = &table.place
            && is_it(by)
            && change != ColumnChange::TakesNull
        {
            blockers.firm.push("the partitions".into());
        }
        if change != ColumnChange::TakesNull && change != ColumnChange::RefusesNull {
            for computed in table
                .columns
                .iter()
                .filter(|c| c.computed.as_ref().is_some_and(|c| mentions(&c.expression, column)))
            {
                blockers.firm.push(format!("computed column {}", computed.name));
            }
            let own = table
                .foreign_keys
                .iter()
                .filter(|key| key.columns.iter().any(is_it))
                .map(|key| key.name.name.clone());
            blockers.firm.extend(own.map(|name| format!("foreign key {name}")));
        }
        if change != ColumnChange::RefusesNull {
            let others = table.referenced_by.iter().filter(|key| is_it(&key.column));
            blockers.firm.extend(others.map(|key| format!("foreign key {} of {}", key.name, key.table)));
        }
        let in_filter = |filter: &Option<String>| filter.as_ref().is_some_and(|text| mentions(text, column));
        for index in &table.indexes {
            let is_key = index.backs == Backs::PrimaryKey && index.uses(column);
            match change {
                // No primary key takes such a column, whichever way it is made.
                ColumnChange::TakesNull if is_key => {
                    blockers.firm.push(format!("primary key {}", index.name.name));
                }
                ColumnChange::Grows | ColumnChange::TakesNull if !is_key && !in_filter(&index.filter) => {}
                _ if index.uses(column) || in_filter(&index.filter) => blockers.index(table, index),
                _ => {}
            }
        }
        if matches!(change, ColumnChange::Type | ColumnChange::Collation) {
            for check in table.checks.iter().filter(|check| mentions(&check.expression, column)) {
                blockers.names.push(format!("check {}", check.name.name));
                blockers.drop.push(drop_constraint(table, &check.name.name));
                blockers.again.extend(ddl::check(&table.name, check));
            }
            let on_it = |one: &&Statistics| one.columns.iter().any(is_it) || in_filter(&one.filter);
            for statistics in table.statistics.iter().filter(on_it) {
                let name = format!("{}.{}", table.name.quoted(), quote(&statistics.name));
                blockers.names.push(format!("statistics {}", statistics.name));
                blockers.drop.push(DdlStatement::new(Cost::Metadata, format!("DROP STATISTICS {name}")));
                blockers.again.push(ddl::statistics(&table.name, statistics));
            }
        }
        if change == ColumnChange::Type
            && let Some(default) = table.column(column).and_then(|column| column.default.as_ref())
        {
            blockers.names.push(format!("default {}", default.name.name));
            blockers.drop.push(drop_constraint(table, &default.name.name));
            let sql = ddl::add_default(&table.name, column, default);
            blockers.again.push(DdlStatement::new(Cost::Metadata, sql));
        }
        // A clustered index takes all others with it: it goes last and comes back first.
        blockers.again.sort_by_key(|statement| !statement.sql.contains(" CLUSTERED "));
        blockers.drop.reverse();
        blockers
    }

    fn index(&mut self, table: &Definition, index: &IndexDefinition) {
        let name = &index.name.name;
        let kind = match index.backs {
            Backs::PrimaryKey => "primary key",
            Backs::UniqueConstraint => "unique constraint",
            Backs::Nothing => "index",
        };
        // Somebody's foreign key may rest on it.
        if index.unique && !table.referenced_by.is_empty() || index.disabled {
            self.firm.push(format!("{kind} {name}"));
            return;
        }
        self.names.push(format!("{kind} {name}"));
        self.drop.push(match index.backs {
            Backs::Nothing => {
                let cost = if index.is_clustered() { Cost::Rewrite } else { Cost::Metadata };
                DdlStatement::new(cost, format!("DROP INDEX {} ON {}", quote(name), table.name.quoted()))
            }
            _ => drop_constraint(table, name),
        });
        self.again.push(ddl::index(table, index));
    }
}

pub(crate) fn drop_constraint(table: &Definition, name: &str) -> DdlStatement {
    DdlStatement::new(
        Cost::Metadata,
        format!("ALTER TABLE {} DROP CONSTRAINT {}", table.name.quoted(), quote(name)),
    )
}
