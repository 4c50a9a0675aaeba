//! INSERT BULK: what a load will bring, checked as far as it can be before the data comes.
use crate::exec::dml::Target;
use crate::exec::dml::columns::{twice, writable};
use crate::exec::{COMMAND_OTHER, Run};
use sandbox_query::bind::{Binder, invalid_object};
use sandbox_session::api::{BulkColumn, BulkTarget, Cancelled, Done, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::sandbox::TableName;
use sandbox_session::session::{PendingBulk, Session};
use sandbox_sql::parse::InsertBulk;
use sandbox_sql::type_name::TypePlace;
use sandbox_values::CollationId;
use sandbox_values::error::SqlError;

/// # Errors
/// 208, which is said twice; 264, 271, 273; 2715; an unknown column fails without a word.
pub fn announce(run: &mut Run<'_>, statement: &InsertBulk) -> Outcome {
    let binder = Binder::new(run.session, run.frame);
    // Microsoft docs, CREATE SYNONYM, names the statements that take one: INSERT BULK is none of them. 208 is unconfirmed.
    let found = if binder.is_synonym(&statement.table) {
        Err(invalid_object(&statement.table))
    } else {
        Target::find(&binder, &statement.table, "INSERT")
    };
    let into = match found {
        Ok(into) => into,
        Err(error) => {
            drop(binder);
            // An unknown table is said twice.
            if error.number == 208 {
                run.sink.message(&error)?;
            }
            return Err(error.into());
        }
    };
    drop(binder);
    let (_, default_collation) = run.session.current_database();
    let mut columns = Vec::with_capacity(statement.columns.len());
    let mut positions = Vec::with_capacity(statement.columns.len());
    for column in &statement.columns {
        let collation = match &column.collation {
            Some(name) => CollationId::by_name(name)?,
            None => default_collation,
        };
        // Every column is #1 to the message that knows no such type.
        let place = TypePlace { ordinal: 1, name: &column.name, length: 1, collation };
        let declared = column.type_name.resolve(&place).map_err(unknown_in_a_load)?.sql_type;
        let Some(at) = into.position(&column.name) else {
            // SQL Server refuses an unknown column without a word.
            run.session.last.error = 0;
            run.frame.silent = true;
            return Err(SqlError::new(207, 16, 1, format!("Invalid column name '{}'.", column.name)).into());
        };
        let known = &into.table.columns[at];
        if positions.contains(&at) {
            return Err(twice(&known.name).into());
        }
        writable(known)?;
        positions.push(at);
        columns.push(BulkColumn { name: known.name.clone(), declared, nullable: known.nullable });
    }
    let schema = into.names.table.split_once('.').map_or("dbo", |(schema, _)| schema);
    let target = BulkTarget { table: TableName::new(schema, &into.table.name), columns };
    run.session.pending_bulk = Some(PendingBulk {
        target,
        database: into.database,
        table: into.table,
        positions,
        hints: statement.hints.clone(),
    });
    run.session.last.rowcount = 0;
    run.done(Done { command: COMMAND_OTHER, count: None, error: false })
}

/// Another request came instead of the data.
pub fn refuse_other_request(session: &mut Session, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    session.pending_bulk = None;
    sink.message(&SqlError::new(
        4022,
        16,
        1,
        "Bulk load data was expected but not sent. The batch will be terminated.",
    ))?;
    sink.done(Done { command: COMMAND_OTHER, count: None, error: true })
}

/// 2715 has a state of its own where INSERT BULK says it (docs/SERVER.md, "Errors of a bulk load").
fn unknown_in_a_load(error: SqlError) -> SqlError {
    match error.number {
        2715 => SqlError { state: 2, ..error },
        _ => error,
    }
}
