//! What can befall a value on its way into the target, as T-SQL that finds it at the source.
//!
//! A check is made where the conversion's [losses and limits](super::Conversion) are decided, over the expression that
//! the copy itself would send: the finders and the copy cannot disagree.
use std::fmt;

use crate::catalog::quote;

/// What happens to the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// NULL, and the target's column takes none.
    Null,
    /// More bytes or UTF-16 units than the target's column has.
    TooLong,
    /// Longer than the target's column by trailing blanks alone, which are cut without a word.
    BlanksCut,
    /// The target's code page lacks characters: they become `?`, or what looks like them.
    CharactersLost,
    /// Half of a surrogate pair, which UTF-8 has no bytes for: it becomes U+FFFD.
    HalvesLost,
    /// Blanks between the tags of xml, which the source has kept and a load drops.
    TagBlanksLost,
    /// Shorter than a binary(n), which fills it up.
    ZeroFilled,
    /// The target's type has no such value.
    OutOfRange,
    /// NaN or an infinity, which no load takes (error 7339).
    NotFinite,
    /// Finer than the target's type, and still of the same day.
    Rounded,
    /// Rounded up past midnight.
    OtherDay,
    /// Rounded up past the end of its month: in the target it lies in another window.
    OtherMonth,
}

impl Problem {
    /// A change that the target makes and the source knows nothing of, so that rows read back are others than those sent:
    /// what to do about it, for a column of this name.
    pub fn seen_by_hash(self, column: &str) -> Option<String> {
        let column = quote(column);
        match self {
            Self::HalvesLost => Some(format!("mend the values, or make the target's {column} nvarchar")),
            Self::TagBlanksLost => Some(format!(
                "copy from a view that has CAST(CAST({column} AS nvarchar(max)) AS xml) in place of {column}"
            )),
            _ => None,
        }
    }

    /// Would a load fail of it? What does not fail changes the value.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Null | Self::TooLong | Self::OutOfRange | Self::NotFinite)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::TooLong => "too long",
            Self::BlanksCut => "trailing blanks cut",
            Self::CharactersLost => "characters lost",
            Self::HalvesLost => "halves of surrogate pairs lost",
            Self::TagBlanksLost => "blanks between tags lost",
            Self::ZeroFilled => "filled with zero bytes",
            Self::OutOfRange => "out of range",
            Self::NotFinite => "not a finite number",
            Self::Rounded => "rounded",
            Self::OtherDay => "rounded into the next day",
            Self::OtherMonth => "rounded into the next month",
        })
    }
}

/// What to show of the values that have a problem, as T-SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueMeasure {
    /// Nothing to show: NULL.
    Nothing,
    /// The values themselves, which have an order.
    Value(String),
    /// The beginning of a text.
    Text(String),
    /// A length.
    Length {
        /// T-SQL that gives it.
        expression: String,
        /// What it is a number of, as people say it.
        unit: &'static str,
    },
}

/// One [`Problem`] of one pair of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCheck {
    /// What does not fit.
    pub problem: Problem,
    /// T-SQL over the source's columns, true for the rows concerned. At most one check of a column is true for a row,
    /// lost characters excepted.
    pub predicate: String,
    /// What the extreme value is found by.
    pub measure: ValueMeasure,
    /// What the target's column can hold.
    pub capacity: String,
}

impl ValueCheck {
    /// NULL, which is not among a conversion's checks: it is the columns' matter, not their types'.
    pub(super) fn null(column: &str) -> Self {
        Self {
            problem: Problem::Null,
            predicate: format!("{column} IS NULL"),
            measure: ValueMeasure::Nothing,
            capacity: "no NULL".into(),
        }
    }

    /// Of a value with an order.
    pub(super) fn value(
        problem: Problem,
        value: &str,
        predicate: String,
        capacity: impl Into<String>,
    ) -> Self {
        Self { problem, predicate, measure: ValueMeasure::Value(value.to_owned()), capacity: capacity.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::guide::{collated, column, representatives};
    use super::super::{Conversion, convert};
    use crate::catalog::{Column, Length, SqlType};

    /// One of every type, text in three encodings.
    fn columns() -> Vec<Column> {
        let mut columns = Vec::new();
        for sql_type in representatives().iter().chain(&[SqlType::VarChar(Length::N(20)), SqlType::Time(0)]) {
            columns.push(column("c", sql_type));
            if sql_type.is_text() {
                columns.push(collated("c", sql_type, "Cyrillic_General_CI_AS", 1251));
                columns.push(collated("c", sql_type, "Latin1_General_100_CI_AS_SC_UTF8", 65001));
            }
        }
        columns
    }

    fn has(conversion: &Conversion, refused: bool) -> bool {
        conversion.checks.iter().any(|check| check.problem.is_refused() == refused)
    }

    #[test]
    fn every_limit_and_every_loss_can_be_looked_for() {
        for from in &columns() {
            for to in &columns() {
                let Ok(conversion) = convert(from, to) else { continue };
                let pair = format!("{} to {}: {conversion:?}", from.sql_type, to.sql_type);
                assert!(conversion.limits.is_empty() || has(&conversion, true), "{pair}");
                // The blanks that fill up a char are no part of its value; what UTF-8 may lose is a limit as well.
                let padding = conversion.losses == ["trailing blanks"];
                let utf8 = conversion.losses.iter().all(|loss| loss.contains("in UTF-8"));
                assert!(padding || utf8 || has(&conversion, false), "{pair}");
            }
        }
    }

    #[test]
    fn what_passes_whole_is_not_looked_at() {
        for from in &columns() {
            for to in &columns() {
                let Ok(conversion) = convert(from, to) else { continue };
                if conversion.limits.is_empty() && conversion.losses.is_empty() {
                    let floats = matches!(from.sql_type, SqlType::Float | SqlType::Real);
                    assert_eq!(conversion.checks.len(), usize::from(floats), "{conversion:?}");
                }
            }
        }
    }
}
