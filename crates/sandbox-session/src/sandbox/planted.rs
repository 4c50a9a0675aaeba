//! What a test makes the server say of itself: rows and values of system views, answers of functions. A stand-in has no
//! full disk and no failing secondary to show.
use std::collections::BTreeMap;

/// Columns and their values as text; `None` is NULL.
pub type PlantedValues = BTreeMap<String, Option<String>>;

/// A change to what a system view shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlantedRow {
    /// schema.view, in small letters.
    pub view: String,
    /// The database that shows it; `None`: all.
    pub database: Option<String>,
    pub change: PlantedChange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlantedChange {
    /// One more row.
    Add(PlantedValues),
    /// These values in all rows that have those.
    Set { values: PlantedValues, of: PlantedValues },
}

/// `column=value;column=value`; the word NULL is none.
///
/// # Errors
/// A part without `=`.
pub fn planted_values(text: &str) -> Result<PlantedValues, String> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (column, value) = part.split_once('=').ok_or_else(|| format!("there is no = in '{part}'"))?;
        let value = (!value.eq_ignore_ascii_case("NULL")).then(|| value.to_owned());
        Ok((column.trim().to_lowercase(), value))
    };
    parts.map(pair).collect()
}

/// What is planted.
#[derive(Default)]
pub(super) struct Planted {
    pub rows: Vec<PlantedRow>,
    /// By function and last argument, in small letters.
    pub answers: BTreeMap<(String, String), Option<String>>,
    /// How far the clock is ahead, in seconds.
    pub clock: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_pairs() {
        let values = planted_values("A=1; b = x=y;c=NULL;").unwrap();
        let expected = [("a", Some("1")), ("b", Some(" x=y")), ("c", None)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(values, expected.into());
        assert!(planted_values("a").is_err());
    }
}
