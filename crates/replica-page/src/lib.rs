//! What the HTML pages of the tools share. A page is one file that needs no network: it begins with the policy that forbids
//! any, and its colours follow the system's. It has room from 500 pixels on: there a table with the class `stacked` shows the
//! cells of a row below each other, each with what its `data-head` says.
use std::path::Path;
use std::time::Duration;

use askama::Template;
use replica_core::error::{Error, Result};
use replica_core::report::output;

#[derive(Template)]
#[template(path = "page.html")]
struct PageFrame<'a> {
    title: &'a str,
    /// Seconds; empty: never.
    refresh: String,
    style: &'static str,
    body: String,
}

/// Puts a page in the file's place, all of it at once. `every`: after so long a browser looks again. The template of the body
/// escapes all that it is given.
///
/// # Errors
/// The file cannot be written.
pub fn write(title: &str, every: Option<Duration>, body: &impl Template, path: &Path) -> Result<()> {
    let refresh = every.map(|every| every.as_secs().to_string()).unwrap_or_default();
    let page = body
        .render()
        .and_then(|body| PageFrame { title, refresh, style: include_str!("style.css"), body }.render())
        .map_err(|error| Error::io(format!("the page: {error}")))?;
    output::replace(path, page.as_bytes()).map_err(|error| Error::io(format!("{}: {error}", path.display())))
}
