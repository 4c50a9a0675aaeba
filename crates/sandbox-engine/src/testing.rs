//! Sessions for the engine's own tests, and a sink that remembers.
use crate::client::batch;
use sandbox_catalog::store::Storage;
use sandbox_session::Engine;
use sandbox_session::EngineOptions;
use sandbox_session::Login;
use sandbox_session::Session;
use sandbox_session::api::{Cancelled, Done, EnvChange, OutColumn, ReadFrom, Sink};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};
use std::sync::Arc;

/// All that a batch answered.
#[derive(Default)]
pub struct Answer {
    /// Per result: its columns and rows.
    pub results: Vec<(Vec<OutColumn>, Vec<Vec<Value>>)>,
    pub messages: Vec<SqlError>,
    pub done: Vec<Done>,
    pub env: Vec<EnvChange>,
    pub status: Option<i32>,
    pub returned: Vec<(String, Value)>,
}

impl Answer {
    pub fn error(&self) -> Option<&SqlError> {
        self.messages.iter().find(|m| m.class > 10)
    }

    /// The rows of the first result, values as text.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let Some((columns, rows)) = self.results.first() else { return Vec::new() };
        let text = |row: &Vec<Value>| columns.iter().zip(row).map(|(c, v)| shown(&c.sql_type, v)).collect();
        rows.iter().map(text).collect()
    }
}

pub fn shown(sql_type: &SqlType, value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Bytes(bytes) => match (sql_type.charset(), sql_type.collation()) {
            (Some(sandbox_values::collation::Charset::CodePage), Some(collation)) => {
                String::from_utf16_lossy(&collation.get().decode(bytes))
            }
            (Some(_), _) => String::from_utf16_lossy(&sandbox_values::collation::units_from_utf16le(bytes)),
            _ => format!("{bytes:02x?}"),
        },
        Value::Variant(inner) => shown(&inner.0, &inner.1),
        other => format!("{other:?}"),
    }
}

impl Sink for Answer {
    fn reading(&mut self, _: ReadFrom<'_>) {}

    fn has_rows(&self) -> bool {
        false
    }

    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled> {
        self.results.push((columns.to_vec(), Vec::new()));
        Ok(())
    }

    fn order(&mut self, _: &[u16]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), Cancelled> {
        if let Some((_, rows)) = self.results.last_mut() {
            rows.push(values.to_vec());
        }
        Ok(())
    }

    fn done(&mut self, done: Done) -> Result<(), Cancelled> {
        self.done.push(done);
        Ok(())
    }

    fn message(&mut self, message: &SqlError) -> Result<(), Cancelled> {
        self.messages.push(message.clone());
        Ok(())
    }

    fn env(&mut self, change: EnvChange) -> Result<(), Cancelled> {
        self.env.push(change);
        Ok(())
    }

    fn return_status(&mut self, status: i32) -> Result<(), Cancelled> {
        self.status = Some(status);
        Ok(())
    }

    fn return_value(&mut self, name: &str, _: &SqlType, value: &Value) -> Result<(), Cancelled> {
        self.returned.push((name.to_owned(), value.clone()));
        Ok(())
    }

    fn cancelled(&self) -> bool {
        false
    }
}

pub fn engine() -> Arc<Engine> {
    open(Storage::Memory)
}

pub fn open(storage: Storage) -> Arc<Engine> {
    let options = EngineOptions { sa_password: "secret".into(), server_name: "test".to_owned() };
    Engine::open(storage, options).unwrap()
}

pub fn connect(engine: &Arc<Engine>, user: &str, password: &str) -> Session {
    let login = Login { user: user.to_owned(), password: password.into(), ..Login::default() };
    engine.connect(&login).unwrap()
}

/// A session of `sa` in a new engine's master.
pub fn session() -> Session {
    connect(&engine(), "sa", "secret")
}

/// Runs a batch, whatever it answers.
pub fn run(session: &mut Session, sql: &str) -> Answer {
    let mut heard = Answer::default();
    batch(session, sql, &mut [], &mut heard).unwrap();
    heard
}

/// Runs a batch that must succeed.
pub fn ok(session: &mut Session, sql: &str) -> Answer {
    let heard = run(session, sql);
    assert_eq!(heard.error(), None, "{sql}");
    heard
}

/// Runs a batch that must fail: the numbers and texts of its errors.
pub fn errors(session: &mut Session, sql: &str) -> Vec<(i32, String)> {
    let heard = run(session, sql);
    assert!(heard.error().is_some(), "{sql}");
    heard.messages.into_iter().filter(|m| m.class > 10).map(|m| (m.number, m.text)).collect()
}

/// The rows of a query that must succeed, values as text.
pub fn rows(session: &mut Session, sql: &str) -> Vec<Vec<String>> {
    ok(session, sql).rows()
}
