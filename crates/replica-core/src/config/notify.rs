//! `[notify]`: who is told when a run ends. docs/INFRA.md shows one.
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::{Secret, read_small_text};
use crate::error::{Error, Result};

/// When somebody is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum NotifyWhen {
    /// When a run ends otherwise than well. That another run holds a table is none of that.
    #[default]
    Failure,
    /// When any run ends.
    Always,
}

/// As it is written. Secrets are looked up when a run begins that may need them, so that other tools need not see them.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// When somebody is told.
    pub when: NotifyWhen,
    /// A program and its arguments, without a shell. It has the run's record on its standard input.
    pub command: Vec<String>,
    /// The address that the record is posted to; it may be a secret itself.
    pub url: Option<Secret>,
    /// The variable that has the address.
    pub url_env: Option<String>,
    /// The file that has the address.
    pub url_file: Option<PathBuf>,
    /// The variable that has the token of the header `Authorization: Bearer`.
    pub token_env: Option<String>,
    /// The file that has that token.
    pub token_file: Option<PathBuf>,
    /// How long either may take.
    #[serde(rename = "timeout_seconds", deserialize_with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub timeout: Option<Duration>,
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A command's arguments and a variable's name may be secrets in the wrong place.
        f.debug_struct("Notify").field("when", &self.when).finish_non_exhaustive()
    }
}

/// The address, and a token if there is one.
#[derive(Debug)]
pub struct NotifyAddress {
    /// Where the record goes.
    pub url: Secret,
    /// Of the header.
    pub token: Option<Secret>,
}

impl Notify {
    /// Whether anybody is to be told of anything.
    pub fn is_set(&self) -> bool {
        !self.command.is_empty() || self.url.is_some() || self.url_env.is_some() || self.url_file.is_some()
    }

    /// Looks the secrets up; `None`: nothing is posted.
    ///
    /// # Errors
    /// Of kind `Usage`: a variable that is not set, a file that cannot be read, one thing in two places. It repeats no
    /// value.
    pub fn address(&self) -> Result<Option<NotifyAddress>> {
        let url = one_of(
            "url",
            [
                self.url.clone().map(Ok),
                variable("url_env", self.url_env.as_deref()),
                file("url_file", &self.url_file),
            ],
        )?;
        let token = one_of(
            "token",
            [variable("token_env", self.token_env.as_deref()), file("token_file", &self.token_file), None],
        )?;
        match (url, token) {
            (Some(url), token) => Ok(Some(NotifyAddress { url, token })),
            (None, Some(_)) => Err(Error::usage("[notify]: a token goes with an address")
                .remedy("Write url, url_env or url_file, too")),
            (None, None) => Ok(None),
        }
    }
}

fn one_of(what: &str, places: [Option<Result<Secret>>; 3]) -> Result<Option<Secret>> {
    let mut found = places.into_iter().flatten();
    let first = found.next().transpose()?;
    match found.next() {
        Some(_) => Err(Error::usage(format!("[notify]: the {what} is in more than one place"))
            .remedy("Keep one of them")),
        None => Ok(first),
    }
}

fn variable(key: &str, name: Option<&str>) -> Option<Result<Secret>> {
    let name = name?;
    let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    Some(value.map(|value| Secret::new(value.trim())).ok_or_else(|| {
        // The name may be the secret itself, in the wrong place.
        Error::usage(format!(
            "[notify] {key} must name an environment variable, and none of that name is set"
        ))
    }))
}

fn file(key: &str, path: &Option<PathBuf>) -> Option<Result<Secret>> {
    let text = std::fs::File::open(path.as_ref()?).and_then(read_small_text);
    Some(text.map(|text| Secret::new(text.trim())).map_err(|error| {
        Error::usage(format!("[notify]: the file that {key} names cannot be read: {error}"))
    }))
}

const LONGEST: u64 = 600;

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=LONGEST).contains(&seconds) {
        Ok(Some(Duration::from_secs(seconds)))
    } else {
        Err(de::Error::custom(format!("timeout_seconds is a number from 1 to {LONGEST}")))
    }
}
