//! What there is a view for and nothing in it: features that the sandbox does not have. Clients that read a whole database
//! (SMO, DacFx) ask for all of them, and an empty answer is the right one.
mod broker;
mod database;
mod events;
mod indexes;
mod security;
mod server;

use super::definition::{Columns, Definition, Row};
use super::scope::ViewScope;
use sandbox_session::failure::Outcome;

pub use broker::VIEWS as BROKER;
pub use database::VIEWS as DATABASE;
pub use events::VIEWS as EVENTS;
pub use indexes::VIEWS as INDEXES;
pub use security::VIEWS as SECURITY;
pub use server::VIEWS as SERVER;

const fn absent(name: &'static str, columns: &'static [&'static str]) -> Definition {
    Definition { schema: "sys", name, columns: Columns(columns), rows: none }
}

/// For what the sandbox does not have.
pub fn none(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(Vec::new())
}
