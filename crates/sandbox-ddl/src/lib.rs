//! Data definition: statements that change the catalog's records and make, fill and drop the storage behind them, under
//! their locks, with the way back that a rollback takes.
mod database;
mod index;
pub mod indexed_view;
mod module;
mod partition;
mod policy;
pub mod rename;
pub mod required;
pub mod reseed;
mod security;
pub mod statistics;
mod synonym;
mod table;
pub mod tracking;

use sandbox_sql::ddl::Ddl;
pub use table::validate;

use sandbox_session::Session;
use sandbox_session::api::{Done, Sink};
use sandbox_session::failure::{Failure, Outcome};

/// CurCmd of DDL without a number of its own: CREATE SCHEMA's was captured, for the others it is unconfirmed.
const OTHER: u16 = 253;

/// Runs it inside a transaction of ours that `exec` has begun (`session.transaction` is set), and says how DONE
/// names it. Takes its locks first, then changes storage inside [`Session::write`] and the catalog last, leaving
/// the way back with [`Transaction::on_rollback`](sandbox_transactions::Transaction::on_rollback).
///
/// # Errors
/// SQL Server's refusals. Where it says two things, the first has gone to the sink.
pub fn execute(ddl: &Ddl, session: &mut Session, sink: &mut dyn Sink) -> Outcome<Done> {
    if let Some(transaction) = session.transaction.as_mut() {
        transaction.next_stamp()?;
    }
    match run(ddl, session, sink) {
        Ok(()) => Ok(Done { command: command(ddl), count: None, error: false }),
        Err(Failure::Error(error)) if table::adds_1750(&error) && makes_constraints(ddl) => {
            sink.message(&error)?;
            Err(table::could_not_create().into())
        }
        Err(failure) => Err(failure),
    }
}

fn run(ddl: &Ddl, session: &mut Session, sink: &mut dyn Sink) -> Outcome {
    match ddl {
        Ddl::CreateDatabase { name, collation } => database::create(session, name, collation.as_deref()),
        Ddl::DropDatabase { names, if_exists } => database::drop(session, names, *if_exists),
        Ddl::AlterDatabase { name, changes } => database::alter(session, name.as_deref(), changes),
        Ddl::CreateSchema { name, owner } => database::create_schema(session, name, owner.as_deref()),
        Ddl::DropSchema { name, if_exists } => database::drop_schema(session, name, *if_exists),
        Ddl::CreateTable(def) => table::create::create(session, def, sink),
        Ddl::DropTable { names, if_exists } => table::remove::drop(session, names, *if_exists, sink),
        Ddl::Truncate { table, partitions } => table::remove::truncate(session, table, partitions, sink),
        Ddl::AlterTable { table, action } => table::alter::alter(session, table, action, sink),
        Ddl::CreateIndex(def) => index::create(session, def, sink),
        Ddl::CreateStatistics(def) => statistics::create(session, def, sink),
        Ddl::DropStatistics { name, table } => statistics::remove(session, name, table, sink),
        Ddl::DropIndex { indexes, if_exists } => index::drop(session, indexes, *if_exists, sink),
        Ddl::AlterIndex { index, table, action } => {
            index::alter(session, index.as_deref(), table, *action, sink)
        }
        Ddl::CreateView(def) => module::view::create(session, def),
        Ddl::DropView { names, if_exists } => module::view::remove(session, names, *if_exists),
        Ddl::CreateFunction(def) => module::function::create(session, def),
        Ddl::DropFunction { names, if_exists } => module::function::remove(session, names, *if_exists),
        Ddl::CreateSecurityPolicy(def) => policy::create(session, def),
        Ddl::AlterSecurityPolicy { name, changes, enable } => policy::alter(session, name, changes, *enable),
        Ddl::DropSecurityPolicy { name, if_exists } => policy::remove(session, name, *if_exists),
        Ddl::CreateSynonym { name, base } => synonym::create(session, name, base),
        Ddl::DropSynonym { name, if_exists } => synonym::remove(session, name, *if_exists),
        Ddl::CreateTrigger(def) => module::trigger::create(session, def, sink),
        Ddl::DropTrigger { names, if_exists } => module::trigger::remove(session, names, *if_exists, sink),
        Ddl::CreatePartitionFunction(def) => partition::create_function(session, def),
        Ddl::AlterPartitionFunction { name, boundary, split } => {
            partition::alter_function(session, name, (boundary, *split), sink)
        }
        Ddl::DropPartitionFunction { name } => partition::drop_function(session, name),
        Ddl::CreatePartitionScheme { name, function, filegroups, all } => {
            partition::create_scheme(session, name, function, (filegroups, *all))
        }
        Ddl::AlterPartitionScheme { name } => partition::alter_scheme(session, name),
        Ddl::DropPartitionScheme { name } => partition::drop_scheme(session, name),
        Ddl::CreateLogin { name, password, default_database } => {
            security::create_login(session, name, password.as_ref(), default_database.as_deref())
        }
        Ddl::AlterLogin { name, change } => security::alter_login(session, name, change),
        Ddl::DropLogin { name } => security::drop_login(session, name),
        Ddl::CreateUser { name, login, default_schema } => {
            security::create_user(session, name, login.as_deref(), default_schema.as_deref())
        }
        Ddl::DropUser { name, if_exists } => security::drop_principal(session, name, false, *if_exists),
        Ddl::CreateRole { name } => security::create_role(session, name),
        Ddl::DropRole { name, if_exists } => security::drop_principal(session, name, true, *if_exists),
        Ddl::AlterRole { name, member, add } => security::alter_role(session, name, member, *add),
        Ddl::AlterServerRole { name, member, add } => {
            security::alter_server_role(session, name, member, *add)
        }
        Ddl::Permission(change) => security::permission(session, change),
    }
}

/// As [`execute`], for a procedure that has its own answer.
///
/// # Errors
/// As [`execute`]'s.
pub fn quietly(ddl: &Ddl, session: &mut Session) -> Outcome {
    execute(ddl, session, &mut sandbox_session::heard::Heard::default()).map(drop)
}

fn makes_constraints(ddl: &Ddl) -> bool {
    matches!(ddl, Ddl::CreateTable(_) | Ddl::AlterTable { .. })
}

/// CurCmd (docs/WIRE.md, "DONE").
fn command(ddl: &Ddl) -> u16 {
    match ddl {
        Ddl::CreateTable(_) => 198,
        Ddl::DropTable { .. } => 199,
        Ddl::CreateIndex(_) => 200,
        Ddl::DropIndex { .. } => 201,
        Ddl::CreateView(_) => 207,
        Ddl::DropView { .. } => 208,
        Ddl::AlterTable { .. } => 216,
        Ddl::CreateTrigger(_) => 221,
        _ => OTHER,
    }
}
