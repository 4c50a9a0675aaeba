//! How new rows become visible to readers.
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::error::{Error, Result};

/// `--publish`, and `publish` in `replica.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    /// As it was before there was a choice: windows that are partitions are switched in, all else is loaded into the target
    /// itself.
    #[default]
    Auto,
    /// Rows are loaded into the target itself.
    Direct,
    /// Rows are loaded beside the target, proved there, and copied over in one transaction.
    Staged,
    /// Rows are loaded beside the target, proved there, and change places with the old ones (SWITCH).
    Switch,
}

impl Publish {
    /// Are rows loaded beside the target because the user says so?
    pub(crate) fn is_beside(self) -> bool {
        matches!(self, Self::Staged | Self::Switch)
    }
}

impl FromStr for Publish {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "direct" => Ok(Self::Direct),
            "staged" => Ok(Self::Staged),
            "switch" => Ok(Self::Switch),
            _ => Err(Error::usage("it is direct, staged, switch or auto")),
        }
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Staged => "staged",
            Self::Switch => "switch",
        })
    }
}
