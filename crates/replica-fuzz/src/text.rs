//! What users write.
use std::io::Write as _;

use replica_core::catalog::{ListEntry, NamedOrMatching, TableName};
use replica_core::config::{Config, Endpoint};
use tempfile::NamedTempFile;

/// A password, wherever it lands, is not in an error.
const SECRET: &str = "Zq9Xw7-secret";

/// A connection string of any spelling.
pub fn connection_string(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(endpoint) = Endpoint::from_connection_string(&text) {
        let _ = (endpoint.to_string(), format!("{endpoint:?}"), endpoint.certificate_name().len());
    }
    for with_password in [format!("{text};Password={SECRET}"), format!("{text};PWD={{{SECRET}}}")] {
        // Behind the parameter of a URL it is that parameter's value, and shown as such.
        let told = Endpoint::from_connection_string(&with_password).err().map(|error| error.to_string());
        assert!(
            text.contains(SECRET) || !told.as_ref().is_some_and(|told| told.contains(SECRET)),
            "{told:?}"
        );
    }
}

/// A `replica.toml`.
pub fn configuration(bytes: &[u8]) {
    let mut file = NamedTempFile::with_suffix(".toml").expect("a temporary file");
    file.write_all(bytes).expect("the temporary file takes bytes");
    if let Ok(config) = Config::load(Some(file.path())) {
        let _ = (config.source().is_ok(), config.target().is_ok(), format!("{config:?}"));
    }
}

/// Table names and patterns, quoted or not.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = text.parse::<TableName>() {
        assert_eq!(name.quoted().parse::<TableName>().as_ref(), Ok(&name), "quoted: {}", name.quoted());
        assert_eq!(name.to_string().parse::<TableName>().as_ref(), Ok(&name), "as shown: {name}");
    }
    if let Ok(entry) = text.parse::<ListEntry>()
        && let NamedOrMatching::Matching(pattern) = &entry.tables
    {
        let table = TableName::new("dbo", "a_long_name_of_a_table_that_many_stars_may_match");
        let _ = pattern.matches(&table, "Latin1_General_CI_AS");
        let _ = pattern.matches(&table, "Latin1_General_100_BIN2");
    }
}
