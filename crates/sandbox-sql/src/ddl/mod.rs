//! Data definition: its statements and how they are parsed.
pub mod ast;
pub mod definition;
mod parse;

pub use ast::Ddl;
pub use parse::{parse, table_variable};

impl Ddl {
    /// What `sys.dm_exec_requests.command` calls it: unconfirmed but for CREATE INDEX and ALTER INDEX.
    pub fn command(&self) -> &'static str {
        match self {
            Ddl::CreateTable(_) => "CREATE TABLE",
            Ddl::DropTable { .. } => "DROP TABLE",
            Ddl::AlterTable { .. } => "ALTER TABLE",
            Ddl::Truncate { .. } => "TRUNCATE TABLE",
            Ddl::CreateIndex(_) => "CREATE INDEX",
            Ddl::AlterIndex { .. } => "ALTER INDEX",
            Ddl::DropIndex { .. } => "DROP INDEX",
            _ => "DDL",
        }
    }
}
