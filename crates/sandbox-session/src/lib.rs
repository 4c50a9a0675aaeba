//! What statements run in: the server that all sessions share, the state of one session, its transaction, and the changes
//! that it makes to the catalog; and the seam to the wire, where answers go. State and its own rules only: what runs
//! statements is built on it.
pub mod api;
pub mod change;
mod ending;
pub mod failure;
pub mod frame;
pub mod heard;
pub mod histograms;
pub mod instance;
pub mod made;
pub mod names;
pub mod options;
mod parsed;
pub mod product;
pub mod sandbox;
pub mod session;
mod sqlite;
mod temporary;
pub mod transaction;

pub use instance::{Engine, EngineOptions};
pub use session::{Login, Session};
