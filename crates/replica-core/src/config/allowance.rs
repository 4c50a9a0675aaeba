//! What a replacement may lose that nobody asked it to keep. docs/ETL.md says what is refused without.
use serde::{Deserialize, Deserializer, de};

use crate::error::{Error, Result};

/// What the user lets a replacement do to rows and values that the source does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Columns that the source has not are filled with NULL or their default, whatever they hold.
    pub fill_missing_columns: bool,
    /// How many rows may go; `None`: as many as by default.
    pub shrink: Option<Shrink>,
    /// Both logins see all rows, whatever security policies there are.
    pub row_filters: bool,
    /// Rows of other tables go or change with rows that are gone at the source, where foreign keys say so.
    pub cascade: bool,
}

impl Allowance {
    /// What one of the two allows; where both say how much, the first.
    pub fn or(self, other: Self) -> Self {
        Self {
            fill_missing_columns: self.fill_missing_columns || other.fill_missing_columns,
            shrink: self.shrink.or(other.shrink),
            row_filters: self.row_filters || other.row_filters,
            cascade: self.cascade || other.cascade,
        }
    }
}

/// The share of its rows, in percent, that a table or a window may lose when it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrink(u8);

/// Half of the rows.
impl Default for Shrink {
    fn default() -> Self {
        Self(50)
    }
}

/// Of fewer rows than this only the loss of all counts.
const MANY: u64 = 1_000;

impl Shrink {
    /// All rows may go.
    pub const ANY: Self = Self(100);

    /// # Errors
    /// Of kind `Usage`: more than 100.
    pub fn percent(percent: u64) -> Result<Self> {
        match u8::try_from(percent) {
            Ok(percent @ 0..=100) => Ok(Self(percent)),
            _ => Err(Error::usage(format!("{percent} is no share of rows in percent"))
                .remedy("It is a number from 0 to 100")),
        }
    }

    /// The fewest rows that may come where so many are.
    pub fn least(self, held: u64) -> u64 {
        match held {
            0 => 0,
            _ if self == Self::ANY => 0,
            1..MANY => 1,
            _ => {
                let stay = u128::from(held) * u128::from(100 - self.0);
                u64::try_from(stay.div_ceil(100)).unwrap_or(u64::MAX).max(1)
            }
        }
    }

    /// Are so many rows too few for those that are there?
    pub fn forbids(self, held: u64, coming: u64) -> bool {
        coming < self.least(held)
    }

    /// As [`Self::forbids`], of a server's estimates, which are somewhat off.
    pub fn may_forbid(self, held: u64, coming: u64) -> bool {
        self != Self::ANY && (coming == 0 || self.forbids(held.saturating_add(held / 4), coming))
    }
}

/// `true`: any; `false`: what holds without; a number: so many percent.
impl<'de> Deserialize<'de> for Shrink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Boolean(true) => Ok(Self::ANY),
            toml::Value::Boolean(false) => Ok(Self::default()),
            toml::Value::Integer(percent) => {
                u64::try_from(percent).ok().and_then(|percent| Self::percent(percent).ok()).ok_or_else(|| {
                    de::Error::custom(format!("{percent} is no share of rows in percent: 0 to 100"))
                })
            }
            _ => Err(de::Error::custom("true, false or a number from 0 to 100 is expected here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_many_rows_may_go_but_never_all() {
        let half = Shrink::default();
        for (held, coming, forbidden) in [
            (0, 0, false),
            (1, 0, true),
            (999, 1, false),
            (1000, 500, false),
            (1000, 499, true),
            (1000, 2000, false),
            (u64::MAX, u64::MAX / 4, true),
        ] {
            assert_eq!(half.forbids(held, coming), forbidden, "{held} to {coming}");
        }
    }

    #[test]
    fn other_shares_may_be_asked_for() {
        let share = |percent| Shrink::percent(percent).unwrap();
        assert!(!share(100).forbids(5_000, 0) && !Shrink::ANY.forbids(1, 0));
        assert!(share(99).forbids(5_000, 0) && !share(99).forbids(5_000, 50) && share(99).forbids(5_000, 49));
        assert!(
            share(0).forbids(1_000, 999) && !share(0).forbids(1_000, 1_000) && !share(0).forbids(999, 998)
        );
        assert!(Shrink::percent(101).is_err());
    }

    #[test]
    fn an_estimate_is_doubted_in_time() {
        let half = Shrink::default();
        assert!(half.may_forbid(1_000, 600) && !half.may_forbid(1_000, 700));
        assert!(half.may_forbid(800, 400) && half.may_forbid(0, 0));
        assert!(!Shrink::ANY.may_forbid(0, 0));
    }
}
