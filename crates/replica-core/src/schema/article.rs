//! A source's table as its article has it: under the target's name, without the columns that are left out and what rests
//! on them, with the columns that expressions make.
use super::definition::{
    ColumnDefinition, DataSpace, Definition, ForeignKeyDefinition, IndexDefinition, same_name,
};
use super::expression::mentions;
use super::policy::{Policy, TargetServer};
use crate::catalog::Article;
use crate::catalog::article::{key_left_out, nothing_to_leave_out};
use crate::config::Feature;
use crate::error::Result;
use crate::read::expressions::TypedExpression;

/// The table that the policy's rules are for, and what it lacks of the source's, for people. `collation` is that of the
/// source's database.
///
/// # Errors
/// Of kind `Usage`: a column that is not there, or may not be left out.
pub(super) fn shaped(
    source: &Definition,
    expressions: Vec<TypedExpression>,
    collation: &str,
    (policy, target): (&Policy, &TargetServer),
) -> Result<(Definition, Vec<String>)> {
    let article = policy.article(&source.name);
    let mut shaping = Shaping { table: source.clone(), changed: Changed::default(), notes: Vec::new() };
    shaping.leave_out(article.excluded())?;
    for expression in expressions {
        shaping.take(expression, collation);
    }
    shaping.what_rests_on_columns();
    shaping.foreign_keys(&article, (policy, target));
    shaping.table.name = target.full_name(article.target_of(&source.name));
    Ok((shaping.table, shaping.notes))
}

struct Shaping {
    table: Definition,
    changed: Changed,
    notes: Vec<String>,
}

/// Columns of the source that the replica lacks, or fills otherwise.
#[derive(Default)]
struct Changed {
    left_out: Vec<String>,
    computed: Vec<String>,
}

impl Changed {
    /// The first that it is true of, and what became of it.
    fn find(&self, is_it: impl Fn(&String) -> bool) -> Option<String> {
        let gone = self.left_out.iter().find(|column| is_it(column));
        let gone = gone.map(|column| format!("column {column} is left out"));
        gone.or_else(|| {
            let made = self.computed.iter().find(|column| is_it(column));
            made.map(|column| format!("column {column} has an expression"))
        })
    }
}

impl Shaping {
    fn leave_out(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            let table = &self.table;
            let Some(column) = table.column(name) else {
                return Err(nothing_to_leave_out(&table.name, name));
            };
            if table.primary_key().is_some_and(|key| key.uses(&column.name)) {
                return Err(key_left_out(&table.name, name));
            }
            self.changed.left_out.push(column.name.clone());
        }
        let left_out = &self.changed.left_out;
        self.table.columns.retain(|column| !left_out.contains(&column.name));
        Ok(())
    }

    /// The column of an expression, in the place of the one that it is taken for.
    fn take(&mut self, TypedExpression { name, sql_type, nullable }: TypedExpression, collation: &str) {
        let own = self.table.column(&name).cloned();
        let name = own.as_ref().map_or(name, |own| own.name.clone());
        // The server calls most expressions nullable, and no key takes such a column.
        let is_key = self.table.primary_key().is_some_and(|key| key.uses(&name));
        let of_own = own.as_ref().and_then(|own| own.collation.clone());
        let column = ColumnDefinition {
            collation: sql_type.is_text().then(|| of_own.unwrap_or_else(|| collation.to_owned())),
            sql_type,
            numeric: false,
            nullable: nullable && !is_key,
            identity: None,
            computed: None,
            default: None,
            traits: Vec::new(),
            name,
        };
        if own.is_some_and(|own| own.default.is_some()) {
            self.notes
                .push(format!("column {} without its default, since it has an expression", column.name));
        }
        self.changed.computed.push(column.name.clone());
        match self.table.columns.iter_mut().find(|own| own.name == column.name) {
            Some(own) => *own = column,
            None => self.table.columns.push(column),
        }
    }

    /// What is left out takes along what rests on it, and so does what has other values: these need not be unique, nor
    /// obey a check.
    fn what_rests_on_columns(&mut self) {
        let Self { table, changed, notes } = self;
        let mut leave = |what: String, why: String| notes.push(format!("without {what}, since {why}"));
        let is_gone = |column: &String| changed.left_out.contains(column);
        for column in &mut table.columns {
            let of_gone = |computed: &super::definition::ComputedBy| {
                changed.left_out.iter().any(|gone| mentions(&computed.expression, gone))
            };
            if column.computed.take_if(|computed| of_gone(computed)).is_some() {
                leave(
                    format!("the expression of column {}", column.name),
                    "a column of it is left out: it is stored".into(),
                );
            }
        }
        let columns = table.columns.clone();
        table.indexes.retain_mut(|index| {
            if index.is_columnstore() {
                index.keys.retain(|key| !is_gone(&key.column));
                return !index.keys.is_empty() || index.is_clustered();
            }
            let why = changed.find(|column| rests_on(index, column, &columns, is_gone(column)));
            why.is_none_or(|why| {
                leave(format!("the index {}", index.name.name), why);
                false
            })
        });
        table.checks.retain(|check| {
            let why = changed.find(|column| mentions(&check.expression, column));
            why.is_none_or(|why| {
                leave(format!("the check {}", check.name.name), why);
                false
            })
        });
        let places = table.indexes.iter_mut().map(|index| &mut index.place).chain([&mut table.place]);
        for place in places {
            if matches!(place, DataSpace::Scheme { column, .. } if is_gone(column)) {
                *place = DataSpace::Default;
                self.notes.push("not partitioned, since the column of its partitions is left out".into());
            }
        }
        self.notes.dedup();
    }

    /// Keys point at the target's tables. Some rows of a child may have no parent where either has a condition.
    fn foreign_keys(&mut self, article: &Article, (policy, target): (&Policy, &TargetServer)) {
        let is_asked_for = policy.has(Feature::ForeignKeys);
        let Self { table, changed, notes } = self;
        table.foreign_keys.retain_mut(|key| {
            let parent = policy.article(&key.references);
            let why = unmet(key, article, &parent)
                .or_else(|| changed.find(|column| key.columns.iter().any(|own| same_name(own, column))));
            key.references = target.full_name(parent.target_of(&key.references));
            notes.extend(
                why.iter()
                    .filter(|_| is_asked_for)
                    .map(|why| format!("without the foreign key {}, since {why}", key.name.name)),
            );
            why.is_none()
        });
    }
}

/// Does the index need the column as the source has it? A key of the table's stays, since rows are told apart by it.
fn rests_on(index: &IndexDefinition, column: &str, columns: &[ColumnDefinition], is_gone: bool) -> bool {
    use super::definition::Backs;
    let in_filter = index.filter.as_ref().is_some_and(|filter| mentions(filter, column));
    if is_gone || !index.uses(column) {
        return index.uses(column) || in_filter;
    }
    let of_key = index.keys.iter().any(|key| same_name(&key.column, column));
    let is_large = columns.iter().any(|other| other.name == column && other.sql_type.row_bytes() >= 8000);
    index.backs != Backs::PrimaryKey && of_key && (index.unique || is_large) || in_filter
}

/// Why a foreign key cannot hold, of what the articles of both its tables say.
fn unmet(key: &ForeignKeyDefinition, child: &Article, parent: &Article) -> Option<String> {
    if child.filter().is_some() {
        return Some("the table has a condition".into());
    }
    if parent.filter().is_some() {
        return Some(format!("{} has a condition", key.references));
    }
    let changed = |column: &&String| {
        let mut others = parent.excluded().iter().chain(parent.expressions().keys());
        others.any(|other| same_name(other, column))
    };
    let column = key.referenced.iter().find(changed)?;
    Some(format!("column {column} of {} is left out or has an expression", key.references))
}

#[cfg(test)]
mod tests;
