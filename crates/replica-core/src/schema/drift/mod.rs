//! How the target's table differs from the one that the policy would make, what would mend it, and at what price.
//!
//! Not compared: the order of columns, names' case, names that servers made up, fill factors, filegroups and partitions,
//! and what the target has for itself without harm: indexes that are not unique, defaults.
mod blockers;
mod columns;
mod constraints;
mod indexes;
mod types;

use std::fmt;

use super::definition::Definition;
use super::policy::{Policy, TargetServer};
use super::statement::{Cost, DdlStatement};

/// How bad a difference is for a copy, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Another primary key, or none.
    Key,
    /// A column that does not hold all that the source may have.
    Narrower,
    /// A column that the source has alone.
    Missing,
    /// NULLs of the source are refused.
    NotNull,
    /// Another collation.
    Collation,
    /// Another type, which holds all the same.
    Type,
    /// A column that the target has alone, and that needs a value (515).
    ExtraRequired,
    /// The target's server would write the values: identity, computed, rowversion.
    Generated,
    /// A check, a foreign key, a default.
    Constraint,
    /// An index.
    Index,
    /// The target takes more than the source has.
    Wider,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Narrower => "narrower",
            Self::Missing => "missing",
            Self::NotNull => "not null",
            Self::Collation => "collation",
            Self::Type => "type",
            Self::ExtraRequired => "extra, required",
            Self::Generated => "generated",
            Self::Constraint => "constraint",
            Self::Index => "index",
            Self::Wider => "wider",
        })
    }
}

/// Who may have it mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mend {
    /// `--create`: something is missing beside the rows.
    Create,
    /// `--apply-safe`: nothing is lost, nothing is written anew.
    Safe,
    /// `--apply NAME`.
    Asked,
    /// Nobody but a person: it might lose something, or the tool cannot know how.
    ByHand,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// The table as a whole.
    Table,
    /// A column.
    Column,
    /// An index, key or unique constraint.
    Index,
    /// A CHECK constraint.
    Check,
    /// A foreign key.
    ForeignKey,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::Index => "index",
            Self::Check => "check",
            Self::ForeignKey => "foreign key",
        })
    }
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Safe => "safe",
            Self::Asked => "on request",
            Self::ByHand => "by hand",
        })
    }
}

/// One difference, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The kind of thing that differs.
    pub element: Element,
    /// The name of the column, index or constraint: what `--apply` takes.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence without the name.
    pub what: String,
    /// Who may have it mended.
    pub way: Mend,
    /// What mends it, in order and in one transaction.
    pub statements: Vec<DdlStatement>,
    /// What of the target's table is in the way of the statement, and is dropped and made again around it; or, where it
    /// is to be mended by hand, what keeps the tool from it.
    pub blocked_by: Vec<String>,
}

impl Deviation {
    fn new(element: Element, name: impl Into<String>, severity: Severity, what: impl Into<String>) -> Self {
        let (name, what) = (name.into(), what.into());
        Self {
            element,
            name,
            severity,
            what,
            way: Mend::ByHand,
            statements: Vec::new(),
            blocked_by: Vec::new(),
        }
    }

    fn mend(mut self, way: Mend, statements: Vec<DdlStatement>) -> Self {
        (self.way, self.statements) = (way, statements);
        self
    }

    /// Of the dearest of its statements.
    pub fn cost(&self) -> Option<Cost> {
        self.statements.iter().map(|statement| statement.cost).max()
    }
}

/// What is compared.
struct Compared<'a> {
    wanted: &'a Definition,
    found: &'a Definition,
    policy: &'a Policy,
    target: &'a TargetServer,
}

/// Whether what is found is what is wanted.
type IsIt<'a, T> = &'a dyn Fn(&T, &T) -> bool;

struct Paired<'a, T> {
    /// All that is wanted, with what is found of it.
    pairs: Vec<(&'a T, Option<&'a T>)>,
    /// What is found beyond.
    left: Vec<&'a T>,
}

/// Puts what is found beside what is wanted. The first test decides before the next is asked: of
/// two indexes, the one of that name is it, before another that holds the same.
fn paired<'a, T>(wanted: &'a [T], found: &'a [T], tests: &[IsIt<'_, T>]) -> Paired<'a, T> {
    let mut left: Vec<&T> = found.iter().collect();
    let mut pairs: Vec<(&T, Option<&T>)> = wanted.iter().map(|wanted| (wanted, None)).collect();
    for is_it in tests {
        for (wanted, pair) in pairs.iter_mut().filter(|(_, pair)| pair.is_none()) {
            if let Some(at) = left.iter().position(|found| is_it(wanted, found)) {
                *pair = Some(left.remove(at));
            }
        }
    }
    Paired { pairs, left }
}

/// The differences of the table that the target has from the wanted one, the worst first.
pub fn deviations(
    wanted: &Definition,
    found: &Definition,
    policy: &Policy,
    target: &TargetServer,
) -> Vec<Deviation> {
    let pair = Compared { wanted, found, policy, target };
    let mut all = columns::deviations(&pair);
    all.extend(indexes::deviations(&pair));
    all.extend(constraints::deviations(&pair));
    all.sort_by_key(|deviation| deviation.severity);
    all
}

#[cfg(test)]
mod tests;
