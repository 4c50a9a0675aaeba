//! What the server asks of the engine and what the engine answers: the seam between wire and SQL.
//! The engine is synchronous; each connection runs its [`Session`](crate::Session) on a thread of its own.
use super::sandbox::TableName;
pub use sandbox_values::column::OutColumn;
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};

/// The end of a statement: DONE, with CurCmd (docs/WIRE.md, "DONE").
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub command: u16,
    pub count: Option<u64>,
    pub error: bool,
}

#[derive(Clone, Debug)]
pub enum EnvChange {
    Database { new: String, old: String },
    BeginTran { descriptor: u64 },
    Commit { descriptor: u64 },
    Rollback { descriptor: u64 },
}

/// The client is gone or has sent an attention: stop, and unwind as SQL Server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// What a result is read from.
#[derive(Clone, Copy, Debug)]
pub struct ReadFrom<'a> {
    /// The current database, which names of CLR types begin with.
    pub database: &'a str,
    pub tables: &'a [TableName],
    /// Where its rows may be replayed: the statement with its parameters, which has the same rows each time.
    pub statement: Option<&'a str>,
}

/// Where a running batch puts its answer. The server turns the calls into tokens, decides on DONE against
/// DONEINPROC and sets the "more" bit; calls block while the client does not read.
pub trait Sink {
    /// What the result is read from whose `columns` come next: faults and replays are bound to tables.
    fn reading(&mut self, reading: ReadFrom<'_>);
    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled>;
    /// `ordered_by`: column ordinals (from 1) for the ORDER token; called after `columns`, before rows.
    fn order(&mut self, ordered_by: &[u16]) -> Result<(), Cancelled>;
    fn row(&mut self, values: &[Value]) -> Result<(), Cancelled>;
    /// Asked after `columns`: true where the sink has this result's rows already. The statement then goes on as
    /// if it had none, and the sink corrects the count.
    fn has_rows(&self) -> bool;
    fn done(&mut self, done: Done) -> Result<(), Cancelled>;
    /// ERROR where class > 10, INFO otherwise.
    fn message(&mut self, message: &SqlError) -> Result<(), Cancelled>;
    fn env(&mut self, change: EnvChange) -> Result<(), Cancelled>;
    /// RETURNSTATUS and RETURNVALUE of a procedure called by RPC.
    fn return_status(&mut self, status: i32) -> Result<(), Cancelled>;
    fn return_value(&mut self, name: &str, sql_type: &SqlType, value: &Value) -> Result<(), Cancelled>;
    /// Polled in long loops and lock waits.
    fn cancelled(&self) -> bool;
}

/// A parameter of an RPC, or a variable.
#[derive(Clone, Debug)]
pub struct Param {
    /// With its @; empty when positional.
    pub name: String,
    pub sql_type: SqlType,
    pub value: Value,
    pub output: bool,
}

/// How a bulk load's column comes over the wire and how it was declared, in column order.
#[derive(Clone, Debug)]
pub struct BulkColumn {
    pub name: String,
    pub declared: SqlType,
    /// Of the target's column: the wire must say the same (4816).
    pub nullable: bool,
}

/// The load that an INSERT BULK has announced.
#[derive(Clone, Debug)]
pub struct BulkTarget {
    pub table: TableName,
    pub columns: Vec<BulkColumn>,
}

/// The rows of a bulk load, decoded by the server as they come. A value is in its column's declared type.
/// `Err(Ok(error))` refuses the load with that error; `Err(Err(Cancelled))` ends it unheard.
pub trait BulkRows {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>>;
}
