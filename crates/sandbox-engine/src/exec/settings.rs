//! SET, USE, and BEGIN, COMMIT, ROLLBACK, SAVE as statements.
use super::manager;
use super::{COMMAND_USE, Run};
use sandbox_query::bind::{Binder, Object};
use sandbox_session::api::{Done, EnvChange};
use sandbox_session::failure::Outcome;
use sandbox_session::transaction;
use sandbox_sql::parse::{Setting, Switch};
use sandbox_sql::tokens::ObjectName;
use sandbox_transactions::locks::LockScope;
use sandbox_values::error::SqlError;
use std::time::Duration;

const SET_ON: u16 = 185;
const SET_OFF: u16 = 186;

impl Run<'_> {
    pub fn set(&mut self, setting: &Setting) -> Outcome {
        let options = &mut self.session.options;
        let mut command = SET_ON;
        match setting {
            Setting::Switches(switches, on) => {
                for switch in switches {
                    match switch {
                        Switch::NoCount => options.nocount = *on,
                        Switch::XactAbort => options.xact_abort = *on,
                        Switch::ImplicitTransactions => options.implicit_transactions = *on,
                        Switch::FmtOnly => options.fmtonly = *on,
                        Switch::NoExec => options.noexec = *on,
                        Switch::Other(bit) if *on => options.others |= bit,
                        Switch::Other(bit) => options.others &= !bit,
                    }
                }
                command = if *on { SET_ON } else { SET_OFF };
            }
            Setting::Isolation(isolation) => options.isolation = *isolation,
            Setting::DeadlockPriority(priority) => options.deadlock_priority = *priority,
            Setting::LockTimeout(milliseconds) => {
                options.lock_timeout = u64::try_from(*milliseconds).ok().map(Duration::from_millis);
            }
            Setting::TextSize(bytes) => {
                options.textsize = if *bytes <= 0 { -1 } else { i32::try_from(*bytes).unwrap_or(i32::MAX) };
            }
            Setting::RowCount(rows) => options.rowcount = u64::try_from(*rows).unwrap_or(0),
            Setting::DateFirst(day) => match u8::try_from(*day) {
                Ok(day @ 1..=7) => options.datefirst = day,
                _ => return Err(SqlError::new(2743, 16, 2, "SET DATEFIRST takes a day from 1 to 7.").into()),
            },
            Setting::IdentityInsert(table, on) => {
                self.identity_insert(table, *on)?;
                command = if *on { SET_ON } else { SET_OFF };
            }
            Setting::ContextInfo(context) => self.session.has_context(context.clone()),
            Setting::Ignored => {}
        }
        // freebcp -n takes the columns of `SET FMTONLY ON SELECT ... SET FMTONLY OFF` from what the batch ends with,
        // and works with SQL Server (FreeTDS issues 647 and 686): no DONE follows that of the SELECT.
        if matches!(setting, Setting::Switches(switches, _) if matches!(switches.as_slice(), [Switch::FmtOnly]))
        {
            return Ok(());
        }
        self.done(Done { command, count: None, error: false })
    }

    fn identity_insert(&mut self, name: &ObjectName, on: bool) -> Outcome {
        let binder = Binder::new(self.session, self.frame);
        let Object::Table { database, table } = binder.object(name)? else {
            return Err(no_identity(name).into());
        };
        drop(binder);
        if table.identity.is_none() {
            return Err(no_identity(name).into());
        }
        let this = Some((database, table.object_id));
        let options = &mut self.session.options;
        match (options.identity_insert, on) {
            (other, true) if other.is_some() && other != this => {
                return Err(SqlError::new(
                    8107,
                    16,
                    1,
                    format!(
                        "IDENTITY_INSERT is already ON for another table. Cannot perform SET operation for table '{name}'."
                    ),
                )
                .into());
            }
            (_, true) => options.identity_insert = this,
            (set, false) if set == this => options.identity_insert = None,
            _ => {}
        }
        Ok(())
    }

    pub fn use_database(&mut self, name: &str) -> Outcome {
        let (id, new) = {
            let instance = self.session.engine.instance();
            let found = instance.database(name);
            let Some(found) = found else {
                let text = format!(
                    "Database '{name}' does not exist. Make sure that the name is entered correctly."
                );
                return Err(SqlError::new(911, 16, 1, text).into());
            };
            if self.session.rights(&instance, found).user().is_none() {
                return Err(SqlError::new(
                    916,
                    14,
                    2,
                    format!(
                        "The server principal \"{}\" is not able to access the database \"{name}\" under the current \
                         security context.",
                        self.session.login.user
                    ),
                )
                .into());
            }
            (found.id, found.name.clone())
        };
        let old = self.session.current_database().0;
        self.session.enter_database(id);
        self.sink.env(EnvChange::Database { new: new.clone(), old })?;
        let text = format!("Changed database context to '{new}'.");
        self.sink.message(&SqlError::new(5701, 0, 2, text))?;
        self.done(Done { command: COMMAND_USE, count: None, error: false })
    }

    /// SET IMPLICIT_TRANSACTIONS ON: a statement opens one.
    pub fn implicit_transaction(&mut self) -> Outcome {
        if self.session.options.implicit_transactions && self.session.transaction.is_none() {
            transaction::begin(self.session, 1)?;
            let descriptor = self.session.transaction_descriptor();
            self.sink.env(EnvChange::BeginTran { descriptor })?;
        }
        Ok(())
    }

    pub fn begin(&mut self, name: Option<&str>) -> Outcome {
        transaction::open(self.session, name.unwrap_or_default(), self.sink)?;
        self.done(Done { command: manager::BEGIN, count: None, error: false })
    }

    pub fn commit(&mut self) -> Outcome {
        transaction::commit_level(self.session, self.sink)?;
        self.session.engine.locks.release_all(self.session.id, LockScope::Statement);
        self.done(Done { command: manager::COMMIT, count: None, error: false })
    }

    pub fn rollback(&mut self, name: Option<&str>) -> Outcome {
        transaction::roll_back(self.session, name.unwrap_or_default(), self.sink)?;
        self.done(Done { command: manager::ROLLBACK, count: None, error: false })
    }

    pub fn save(&mut self, name: &str) -> Outcome {
        transaction::save(self.session, name)?;
        self.done(Done { command: manager::SAVE, count: None, error: false })
    }
}

fn no_identity(name: &ObjectName) -> SqlError {
    SqlError::new(
        8106,
        16,
        1,
        format!("Table '{name}' does not have the identity property. Cannot perform SET operation."),
    )
}
