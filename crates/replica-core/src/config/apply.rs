//! How a table is brought in step with its source.
use std::str::FromStr;

use serde::Deserialize;

use crate::error::{Error, Result};

/// `--apply`, and `apply` in `replica.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Apply {
    /// The old rows go, all rows of the source come.
    #[default]
    Replace,
    /// Only the rows that differ are written.
    Difference,
    /// `Difference` where other tables point at the table, or little changed in its last run, and its rows can be told apart;
    /// otherwise `Replace`.
    Auto,
}

impl FromStr for Apply {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "replace" => Ok(Self::Replace),
            "difference" => Ok(Self::Difference),
            "auto" => Ok(Self::Auto),
            _ => Err(Error::usage("it is replace, difference or auto")),
        }
    }
}
