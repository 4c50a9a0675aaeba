//! The type mapping: for each column, how its bytes get from the source's SELECT into the target's column.
//!
//! One decision a column, made from the two catalogs before anything is written:
//! - what arrives is what the target stores: **pass**;
//! - the same bytes under another type on the wire (xml, CLR types): **patch**;
//! - otherwise the source converts in its SELECT: **cast**, so that what is hashed is what is stored.
//!
//! Two rules decide what is allowed. A conversion that fails where a value does not fit is allowed: the server
//! refuses the value and nothing is replaced. One that changes values without a word is allowed only where it
//! rounds a quantity of the same kind, and then it is a warning; everything else is refused, with the way out.
//! So strings are never narrowed by CAST, which truncates silently, but sent at their own width for the target
//! to refuse (error 2628). docs/TYPES.md shows the outcome for every pair of types.
mod check;
mod declare;
mod number;
mod other;
mod plain;
mod received;
mod temporal;
mod text;

pub mod guide;
pub mod mapping;

use crate::catalog::{Column, SqlType, quote};
pub use check::{Problem, ValueCheck, ValueMeasure};
pub use declare::declare;
pub(crate) use number::exact;
pub use plain::plain_value;
pub use received::received;

/// So much of a text is shown.
const SHOWN: u32 = 60;
/// Compares code by code.
const BINARY: &str = "COLLATE Latin1_General_BIN2";

/// How a column travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The bytes go through as they come.
    Pass,
    /// The bytes go through; the type on the wire is another.
    Patch,
    /// The source converts in its SELECT.
    Cast,
}

impl std::fmt::Display for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Patch => "patch",
            Self::Cast => "cast",
        })
    }
}

/// How one column gets from source to target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// What is done to a value on its way.
    pub how: How,
    /// What the source's SELECT computes.
    pub expression: String,
    /// What a SELECT on the target computes to read the same bytes back.
    pub verify: String,
    /// The type of `expression`, declared in INSERT BULK unless another arrives.
    pub sent: SqlType,
    /// The collation to declare for char, varchar and text: that of the bytes sent.
    pub collation: Option<String>,
    /// What values lose without an error.
    pub losses: Vec<String>,
    /// Which values the server will refuse.
    pub limits: Vec<String>,
    /// How to find the values that losses and limits speak of.
    pub checks: Vec<ValueCheck>,
}

/// Why two columns cannot be brought together, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingRefusal {
    /// What stands against it.
    pub reason: String,
    /// What the user can do about it.
    pub way_out: String,
}

impl MappingRefusal {
    fn new(reason: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { reason: reason.into(), way_out: way_out.into() }
    }
}

/// Decides for one pair of columns.
pub fn convert(source: &Column, target: &Column) -> Result<Conversion, MappingRefusal> {
    let (from, to) = (&source.sql_type, &target.sql_type);
    let outcome = if to.is_text() {
        text::convert(source, target)
    } else if number::is_number(from) && number::is_number(to) {
        number::convert(source, target)
    } else if temporal::is_temporal(from) && temporal::is_temporal(to) {
        temporal::convert(source, target)
    } else {
        other::convert(source, target)
    };
    outcome.unwrap_or_else(|| Err(no_way(from, to)))
}

/// `None`: there is no conversion worth having, which [`no_way`] puts into words.
type MappingResult = Option<Result<Conversion, MappingRefusal>>;

fn no_way(from: &SqlType, to: &SqlType) -> MappingRefusal {
    MappingRefusal::new(
        format!("{from} is another kind of value than {to}"),
        format!("Make the target column {from}, or copy from a view that converts as you mean it"),
    )
}

impl Conversion {
    /// As it is.
    fn pass(source: &Column, target: &Column) -> Self {
        Self {
            how: How::Pass,
            expression: quote(&source.name),
            verify: quote(&target.name),
            sent: source.sql_type.clone(),
            collation: None,
            losses: Vec::new(),
            limits: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// CAST to the target's type at the source.
    fn cast(source: &Column, target: &Column) -> Self {
        let to = &target.sql_type;
        Self::pass(source, target).through(cast(&quote(&source.name), to), to.clone())
    }

    fn through(mut self, expression: String, sent: SqlType) -> Self {
        self.how = How::Cast;
        self.expression = expression;
        self.sent = sent;
        self
    }

    fn loss(mut self, when: bool, loss: impl Into<String>) -> Self {
        if when {
            self.losses.push(loss.into());
        }
        self
    }

    fn limit(mut self, when: bool, limit: impl Into<String>) -> Self {
        if when {
            self.limits.push(limit.into());
        }
        self
    }

    fn check(mut self, when: bool, check: impl FnOnce() -> ValueCheck) -> Self {
        if when {
            self.checks.push(check());
        }
        self
    }
}

fn cast(expression: &str, to: &SqlType) -> String {
    format!("CAST({expression} AS {to})")
}

/// NULL where the cast fails.
fn try_cast(expression: &str, to: &SqlType) -> String {
    format!("TRY_CAST({expression} AS {to})")
}
