//! A strict stand-in for SQL Server: TDS on the wire, T-SQL on SQLite behind it. This crate is the binary and its data
//! sets, and the names by which tests reach the parts that they drive.
pub mod data;

pub use sandbox_server as server;
pub use sandbox_values::{self as values, error};

/// What runs T-SQL.
pub mod engine {
    pub use sandbox_catalog::schema::Password;
    pub use sandbox_catalog::store::Storage;
    pub use sandbox_engine::{batch, bulk};
    pub use sandbox_session::{Engine, EngineOptions, Login, Session, api, heard, names, session};
    pub use sandbox_sql::ddl::ast;
    pub use sandbox_sql::{tokens, type_name};
}
