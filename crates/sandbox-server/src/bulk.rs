//! A bulk load's message, decoded row by row as its packets come.
use super::input::{End, Message};
use super::metadata;
use super::transport::Signals;
use replica_core::tds::columns::{COLMETADATA, WireColumn};
use sandbox_session::Engine;
use sandbox_session::api::{BulkColumn, BulkRows, Cancelled};
use sandbox_session::sandbox::{FaultKind, TableName};
use sandbox_transactions::locks::{LockError, SessionId};
use sandbox_values::Value;
use sandbox_values::error::SqlError;
use sandbox_values::wire::{BulkColumnInfo, BulkError, BulkRowReader};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// The rows of one load.
pub struct BulkMessage<'a> {
    message: Message<'a>,
    /// Bytes of the packet with the COLMETADATA's end that are rows already.
    head: Vec<u8>,
    head_at: usize,
    state: LoadState,
    faults: BulkFaults,
    count: u64,
}

/// The faults that strike this load, and the way to make them felt.
pub struct BulkFaults {
    engine: Arc<Engine>,
    signals: Arc<Signals>,
    /// The load is refused at its end.
    refusal: Option<SqlError>,
    cut_receiving: bool,
    pub cut_replying: bool,
    /// How often faults had been forgotten when this one was taken.
    stall: Option<u64>,
    bytes_per_second: Option<u64>,
}

impl BulkFaults {
    /// Uses up an occurrence of each that is armed for the table.
    pub fn take(engine: &Arc<Engine>, signals: &Arc<Signals>, table: &TableName, session: SessionId) -> Self {
        let disarmed = engine.sandbox.disarmed();
        let take = |kind| engine.sandbox.take(kind, Some(table));
        let deadlock = take(FaultKind::Deadlock).and_then(|_| LockError::Deadlock.to_sql_error(session));
        let log_full = take(FaultKind::LogFull).map(|_| log_full(session));
        Self {
            refusal: deadlock.or(log_full),
            cut_receiving: take(FaultKind::CutReceiving).is_some(),
            cut_replying: take(FaultKind::CutReplying).is_some(),
            stall: take(FaultKind::Stall).map(|_| disarmed),
            bytes_per_second: take(FaultKind::Slow).and_then(|rate| u64::try_from(rate).ok()),
            engine: engine.clone(),
            signals: signals.clone(),
        }
    }

    /// Between two rows.
    fn strike(&mut self) -> Result<(), Cancelled> {
        if let Some(disarmed) = self.stall.take() {
            self.engine.sandbox.stall(disarmed, || self.signals.cancelled());
        }
        if self.cut_receiving {
            self.signals.hang_up();
            return Err(Cancelled);
        }
        Ok(())
    }
}

/// What SQL Server says when a transaction log can't grow (Microsoft docs, error 9002).
fn log_full(session: SessionId) -> SqlError {
    let text =
        format!("The transaction log for database is full due to 'ACTIVE_TRANSACTION' of session {session}.");
    SqlError::new(9002, 17, 4, text)
}

enum LoadState {
    /// The next row is asked for by this error.
    Refused(SqlError),
    Rows(BulkRowReader),
    Ended,
}

impl<'a> BulkMessage<'a> {
    /// Reads the COLMETADATA and checks it against what INSERT BULK declared. What is wrong with it is told when
    /// the first row is asked for, which is where the engine expects it.
    pub fn open(mut message: Message<'a>, expected: &[BulkColumn], faults: BulkFaults) -> Self {
        if let Some(rate) = faults.bytes_per_second {
            let (engine, signals) = (faults.engine.clone(), faults.signals.clone());
            message.set_pace(move |bytes| {
                let nanoseconds = (bytes as u64 * 1_000_000_000).checked_div(rate).unwrap_or(0);
                engine.sandbox.pause(Duration::from_nanos(nanoseconds), || signals.cancelled());
            });
        }
        let mut head = Vec::new();
        let (state, head_at) = match metadata(&mut message, &mut head) {
            Ok((columns, used)) => match check(&columns, expected) {
                Ok(rows) => (LoadState::Rows(rows), used),
                Err(error) => (LoadState::Refused(error), used),
            },
            Err(error) => (LoadState::Refused(error), 0),
        };
        Self { message, head, head_at, state, faults, count: 0 }
    }

    /// After the last row. Whether the client stands by what it sent is known at the message's end only.
    fn ended(&mut self) -> Result<bool, Result<SqlError, Cancelled>> {
        match (self.message.skip_rest(), self.faults.refusal.take()) {
            (End::Complete, None) => Ok(false),
            (End::Complete, Some(refusal)) => Err(Ok(refusal)),
            _ => Err(Err(Cancelled)),
        }
    }

    /// Rows given to the engine.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Reads to the message's end.
    pub fn skip_rest(&mut self) -> End {
        self.message.skip_rest()
    }
}

impl BulkRows for BulkMessage<'_> {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        let rows = match std::mem::replace(&mut self.state, LoadState::Ended) {
            LoadState::Refused(error) => return Err(Ok(error)),
            LoadState::Ended => return Ok(false),
            LoadState::Rows(rows) => rows,
        };
        // FreeTDS ends a load without the DONE token, and SQL Server takes it.
        if self.head_at == self.head.len() && self.message.at_end() {
            return self.ended();
        }
        let mut bytes = Bytes { head: &self.head, head_at: &mut self.head_at, message: &mut self.message };
        match rows.next(&mut bytes, row) {
            Ok(true) => {
                self.faults.strike().map_err(Err)?;
                self.state = LoadState::Rows(rows);
                self.count += 1;
                Ok(true)
            }
            Ok(false) => self.ended(),
            Err(BulkError::Refused(error)) => Err(Ok(error)),
            Err(BulkError::Io(_)) => Err(Err(Cancelled)),
        }
    }
}

/// The bytes read too far with the COLMETADATA, then the message.
struct Bytes<'b, 'a> {
    head: &'b [u8],
    head_at: &'b mut usize,
    message: &'b mut Message<'a>,
}

impl Read for Bytes<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let mut rest = &self.head[*self.head_at..];
        if rest.is_empty() {
            return self.message.read(out);
        }
        let read = rest.read(out)?;
        *self.head_at += read;
        Ok(read)
    }
}

fn metadata(message: &mut Message, head: &mut Vec<u8>) -> Result<(Vec<WireColumn>, usize), SqlError> {
    match metadata::read(message, head) {
        Ok(Some(parsed)) => Ok(parsed),
        // Collation bytes left out of a TYPE_INFO end here as well (docs/SERVER.md, "Errors of a bulk load").
        Ok(None) => Err(stream_incorrect()),
        Err(_) if head.first() != Some(&COLMETADATA) => Err(no_metadata()),
        Err(malformed) => {
            log::info!("a bulk load: {malformed}");
            Err(stream_incorrect())
        }
    }
}

fn check(columns: &[WireColumn], expected: &[BulkColumn]) -> Result<BulkRowReader, SqlError> {
    if columns.len() != expected.len() {
        return Err(premature_end(16, 3));
    }
    for (ordinal, (column, expected)) in (1..).zip(columns.iter().zip(expected)) {
        if column.is_nullable() != expected.nullable {
            return Err(SqlError::new(
                4816,
                16,
                1,
                format!("Invalid column type from bcp client for colid {ordinal}."),
            ));
        }
    }
    BulkRowReader::new(columns.iter().zip(expected).map(|(column, expected)| BulkColumnInfo {
        name: expected.name.clone(),
        info: column.type_info.clone(),
        declared: expected.declared.clone(),
    }))
}

fn no_metadata() -> SqlError {
    premature_end(16, 2)
}

fn premature_end(class: u8, state: u8) -> SqlError {
    let text = "While reading current row from host, a premature end-of-message was encountered--an incoming data \
                stream was interrupted when the server expected to see more data. The host program may have \
                terminated. Ensure that you are using a supported client application programming interface (API).";
    SqlError::new(4804, class, state, text)
}

fn stream_incorrect() -> SqlError {
    let text =
        "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly.";
    SqlError::new(4002, 16, 2, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{in_packets, three_rows};
    use proptest::prelude::*;
    use sandbox_catalog::store::Storage;
    use sandbox_session::EngineOptions;
    use sandbox_values::{CollationId, Len, SqlType};
    use std::sync::LazyLock;

    fn expected() -> [BulkColumn; 3] {
        let column =
            |name: &str, declared, nullable| BulkColumn { name: name.to_owned(), declared, nullable };
        [
            column("id", SqlType::Int, false),
            column("label", SqlType::NVarChar(Len::N(16), CollationId::SERVER_DEFAULT), true),
            column("payload", SqlType::VarBinary(Len::N(16)), true),
        ]
    }

    fn no_faults() -> BulkFaults {
        BulkFaults::take(engine(), &Arc::default(), &TableName::new("dbo", "t"), 51)
    }

    fn engine() -> &'static Arc<Engine> {
        static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
            let options = EngineOptions { sa_password: "p".into(), server_name: "s".to_owned() };
            Engine::open(Storage::Memory, options).expect("an engine")
        });
        &ENGINE
    }

    /// The rows of a message that comes in packets of so many bytes, or the number of its refusal.
    fn rows(message: &[u8], size: usize, expected: &[BulkColumn]) -> Result<Vec<Vec<Value>>, i32> {
        let (first, mut input) = in_packets(message, size);
        let mut message = BulkMessage::open(Message::new(&mut input, first), expected, no_faults());
        let mut rows = Vec::new();
        let mut row = Vec::new();
        loop {
            match message.next(&mut row) {
                Ok(true) => rows.push(row.clone()),
                Ok(false) => return Ok(rows),
                Err(Ok(error)) => return Err(error.number),
                Err(Err(Cancelled)) => panic!("nobody has cancelled"),
            }
        }
    }

    #[test]
    fn captured_rows_are_read_however_they_are_cut() {
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        let wanted = vec![
            vec![Value::Int(3), bytes(b"a\0l\0p\0h\0a\0"), bytes(&[1, 2])],
            vec![Value::Int(4), Value::Null, bytes(&[])],
            vec![Value::Int(5), bytes(&[0xA9, 0x03]), Value::Null],
        ];
        let message = three_rows();
        for size in 1..=message.len() {
            assert_eq!(rows(&message, size, &expected()), Ok(wanted.clone()), "packets of {size} bytes");
        }
    }

    #[test]
    fn metadata_must_be_as_declared() {
        let refused = |columns: &[BulkColumn]| rows(&three_rows(), 64, columns).err();
        assert_eq!(refused(&expected()[..2]), Some(4804));
        let mut nullable = expected();
        nullable[0].nullable = true;
        assert_eq!(refused(&nullable), Some(4816));
        let mut bigint = expected();
        bigint[0].declared = SqlType::BigInt;
        assert_eq!(refused(&bigint), Some(4816));
        let mut narrow = expected();
        narrow[1].declared = SqlType::NVarChar(Len::N(4), CollationId::SERVER_DEFAULT);
        assert_eq!(refused(&narrow), Some(4816));
    }

    #[test]
    fn an_early_end_is_4804_or_4002_unless_it_is_between_rows() {
        let message = three_rows();
        // Each row token begins where the row before it, or the COLMETADATA, ends.
        let between = |length: usize| matches!(length, 65 | 87 | 97 | 109);
        for length in 1..message.len() - 12 {
            match rows(&message[..length], 32, &expected()) {
                Ok(_) => assert!(between(length), "{length} bytes"),
                Err(number) => {
                    assert!(matches!(number, 4002 | 4804) && !between(length), "{length}: {number}")
                }
            }
        }
    }

    proptest! {
        #[test]
        fn wrong_bytes_are_refused_or_read(at in 0..300usize, byte: u8) {
            let mut message = three_rows();
            let at = at % message.len();
            message[at] = byte;
            drop(rows(&message, 64, &expected()));
        }
    }
}
