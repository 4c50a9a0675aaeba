//! `--record FILE`: what clients send, one JSON object a line, for whoever wants to judge or compare it.
use super::logged;
use super::requests::{Headers, batch_text};
use super::rpc;
use super::transport::Packet;
use replica_core::tds::packet::{kind, status};
use sandbox_transactions::locks::SessionId;
use sandbox_values::CollationId;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The file, shared by all connections.
#[derive(Clone)]
pub struct Recorder {
    file: Arc<Mutex<File>>,
}

impl Recorder {
    /// Adds to what the file holds.
    ///
    /// # Errors
    /// Of the file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { file: Arc::new(Mutex::new(file)) })
    }

    pub fn connection(&self, session: SessionId, program: &str, database: &str) -> ConnectionRecord {
        ConnectionRecord {
            recorder: self.clone(),
            session,
            program: program.to_owned(),
            database: database.to_owned(),
            message: Vec::new(),
        }
    }

    /// A line goes out by one call, so that the lines of several servers do not mix.
    fn write(&self, line: &Value) {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            log::warn!("cannot record a request: {error}");
        }
    }
}

/// What one connection sends.
pub struct ConnectionRecord {
    recorder: Recorder,
    session: SessionId,
    program: String,
    database: String,
    /// The message that is under way.
    message: Vec<u8>,
}

impl ConnectionRecord {
    pub fn packet(&mut self, packet: &Packet) {
        if packet.kind == kind::ATTENTION {
            return;
        }
        self.message.extend_from_slice(&packet.payload);
        if !packet.is_last() {
            return;
        }
        let message = std::mem::take(&mut self.message);
        if packet.status & status::IGNORE == 0 {
            self.requests(packet.kind, &message);
        }
    }

    fn requests(&self, kind: u8, message: &[u8]) {
        let body = || Headers::split(message).map(|headers| headers.body);
        match kind {
            kind::SQL_BATCH => {
                if let Ok(text) = body().and_then(batch_text) {
                    self.write("batch", json!({ "sql": logged::batch(&text) }));
                }
            }
            kind::RPC => {
                let calls = body().map(|body| rpc::parse(body, CollationId::SERVER_DEFAULT));
                for call in calls.into_iter().flatten().flatten() {
                    let (sql, parameters) = call.statement();
                    let sql = sql.map(|sql| logged::batch(&sql).into_owned());
                    self.write("call", json!({ "name": call.name, "sql": sql, "parameters": parameters }));
                }
            }
            kind::BULK_LOAD => {
                let mut digits = String::with_capacity(message.len() * 2);
                // Writing to a String does not fail.
                message.iter().for_each(|byte| write!(digits, "{byte:02x}").unwrap_or_default());
                self.write("bulk", json!({ "bytes": digits }));
            }
            _ => {}
        }
    }

    fn write(&self, kind: &str, mut line: Value) {
        line["kind"] = kind.into();
        line["session"] = self.session.into();
        line["program"] = self.program.as_str().into();
        line["database"] = self.database.as_str().into();
        self.recorder.write(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(packets: &[(u8, u8, &[u8])]) -> Vec<Value> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("requests");
        let mut recording = Recorder::open(&path).expect("a file").connection(51, "judge", "db");
        for &(kind, status, payload) in packets {
            recording.packet(&Packet { kind, status, payload: payload.to_vec() });
        }
        let lines = std::fs::read_to_string(path).expect("text");
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn requests_are_recorded_whole_and_without_passwords() {
        let batch = |text: &str| -> Vec<u8> {
            [4, 0, 0, 0].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        };
        let (select, login) = (batch("SELECT 1"), batch("ALTER LOGIN l WITH PASSWORD = 'x'"));
        let (first, rest) = select.split_at(7);
        let lines = recorded(&[
            (kind::SQL_BATCH, 0, first),
            (kind::ATTENTION, 1, b""),
            (kind::SQL_BATCH, 1, rest),
            (kind::SQL_BATCH, 1, &login),
            (kind::SQL_BATCH, 3, &select),
            (kind::BULK_LOAD, 0, b"\x81"),
            (kind::BULK_LOAD, 1, b"\xFD"),
        ]);
        let line = |kind: &str, name: &str, value: &str| json!({ "kind": kind, name: value, "session": 51, "program": "judge", "database": "db" });
        assert_eq!(
            lines,
            [
                line("batch", "sql", "SELECT 1"),
                line("batch", "sql", "ALTER LOGIN l WITH PASSWORD = '***'"),
                line("bulk", "bytes", "81fd"),
            ]
        );
    }
}
