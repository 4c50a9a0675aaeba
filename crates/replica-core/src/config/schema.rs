//! `[schema]`: how the replica's tables are made. docs/SCHEMA.md shows one.
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::error::{Error, Result};

/// What of a table may be kept or left out. docs/SCHEMA.md says what becomes of it otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Feature {
    /// IDENTITY columns.
    Identity,
    /// Computed columns.
    Computed,
    /// rowversion columns.
    Rowversion,
    /// Foreign keys.
    ForeignKeys,
    /// That constraints are trusted, after loads too.
    Trust,
    /// DEFAULT constraints.
    Defaults,
    /// CHECK constraints.
    Checks,
    /// Indexes that are no keys.
    Indexes,
    /// Collations of text columns.
    Collations,
    /// Compression of rows and pages.
    Compression,
    /// FILLFACTOR of indexes.
    FillFactor,
    /// Partition schemes.
    Partitions,
}

/// Their names, and whether a replica has them unless told otherwise.
const FEATURES: [(Feature, &str, bool); 12] = [
    (Feature::Identity, "identity", false),
    (Feature::Computed, "computed", false),
    (Feature::Rowversion, "rowversion", false),
    (Feature::ForeignKeys, "foreign-keys", false),
    (Feature::Trust, "trust", false),
    (Feature::Defaults, "defaults", true),
    (Feature::Checks, "checks", true),
    (Feature::Indexes, "indexes", true),
    (Feature::Collations, "collations", true),
    (Feature::Compression, "compression", true),
    (Feature::FillFactor, "fill-factor", true),
    (Feature::Partitions, "partitions", true),
];

impl Feature {
    /// What all of them are called.
    #[cfg(feature = "schema")]
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FEATURES.iter().map(|(_, name, _)| *name)
    }

    /// Those that a replica has unless told otherwise.
    pub fn by_default() -> impl Iterator<Item = Self> {
        FEATURES.iter().filter(|(.., by_default)| *by_default).map(|(feature, ..)| *feature)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FEATURES.iter().find(|(feature, ..)| feature == self).map_or("", |(_, name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Feature {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let written = text.trim().to_lowercase().replace('_', "-");
        let found = FEATURES.iter().find(|(_, name, _)| *name == written);
        found.map(|(feature, ..)| *feature).ok_or_else(|| {
            let names: Vec<&str> = FEATURES.iter().map(|(_, name, _)| *name).collect();
            Error::usage(format!("{text} is no feature of a table"))
                .remedy(format!("It is one of {}", names.join(", ")))
        })
    }
}

impl TryFrom<String> for Feature {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// `[schema]`: how a replica's tables are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SchemaSettings {
    /// What a replica has only where it is asked for.
    pub keep: BTreeSet<Feature>,
    /// What it has unless it is left out.
    pub without: BTreeSet<Feature>,
}
