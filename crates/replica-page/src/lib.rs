//! What the HTML pages of the tools share. A page is one file that needs no network: its template begins with the policy
//! that forbids any, has [`STYLE`] in its head, and escapes all that it is given.
use std::path::Path;

use askama::Template;
use replica_core::error::{Error, Result};
use replica_core::report::output;

/// For the head of a page, as it is: colours that follow the system's, and room for 500 pixels and more.
pub const STYLE: &str = include_str!("style.css");

/// Puts the page in the file's place, all of it at once.
///
/// # Errors
/// The file cannot be written.
pub fn write(page: &impl Template, path: &Path) -> Result<()> {
    let text = page.render().map_err(|error| Error::io(format!("the page: {error}")))?;
    output::replace(path, text.as_bytes()).map_err(|error| Error::io(format!("{}: {error}", path.display())))
}
