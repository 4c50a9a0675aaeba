//! One result set on its way out: its rows' encoding, and what the sandbox was asked to do with them.
use super::pace::Pace;
use replica_core::tds::columns::{self, Form, WireColumn, flags};
use replica_core::tds::types::TypeInfo;
use sandbox_session::Engine;
use sandbox_session::api::OutColumn;
use sandbox_session::sandbox::{FaultKind, PlpLengths, Recording, TableName};
use sandbox_values::Value;
use sandbox_values::wire::{Client, Plp, RowWriter, UnexpectedNull};
use std::sync::Arc;

const FAULTS: [FaultKind; 3] = [FaultKind::HalfRow, FaultKind::LyingLength, FaultKind::Silence];

pub struct ResultSet {
    writer: RowWriter,
    /// COLMETADATA with its token.
    pub metadata: Vec<u8>,
    rows: u64,
    /// Strikes at the row with this number, from 0.
    fault: Option<(FaultKind, u64)>,
    replay: Option<Replay>,
    /// How fast rows may go out.
    pub pace: Option<Pace>,
}

/// A CLR type's name has the current database before it: clients show `sales.sys.geography`.
fn placed(type_info: &TypeInfo, current: &str) -> TypeInfo {
    match type_info.clone() {
        TypeInfo::Udt { size, schema, name, assembly, .. } => {
            TypeInfo::Udt { size, database: current.to_owned(), schema, name, assembly }
        }
        other => other,
    }
}

/// What a result is read from, kept until its columns come.
#[derive(Default)]
pub struct ResultFrom {
    pub database: String,
    pub tables: Vec<TableName>,
    pub statement: Option<String>,
}

/// A replay to this many rows.
struct Replay {
    wanted: u64,
    source: RowSource,
}

enum RowSource {
    /// The engine's rows, kept under this key as they go out for the first time.
    Recording(Vec<u8>, Recording),
    Recorded(Arc<Recording>),
}

impl ResultSet {
    pub fn new(engine: &Engine, client: Client, described: &[OutColumn], from: &ResultFrom) -> Self {
        let ResultFrom { database, tables, statement } = from;
        let sandbox = &engine.sandbox;
        let plp = match sandbox.plp() {
            PlpLengths::Known => Plp::Known,
            PlpLengths::Unknown { chunk } => Plp::Unknown { chunk },
        };
        let types = described.iter().map(|column| (&column.sql_type, column.nullable));
        let writer = RowWriter::new(types, client, plp);
        let described: Vec<WireColumn> = described
            .iter()
            .zip(writer.type_infos())
            .map(|(column, type_info)| WireColumn {
                name: column.name.as_str().into(),
                user_type: column.user_type,
                flags: column.flags,
                type_info: placed(type_info, database),
                table: column
                    .table
                    .iter()
                    .flat_map(|(schema, table)| [schema.clone(), table.clone()])
                    .collect(),
            })
            .collect();
        let mut metadata = Vec::new();
        columns::encode(&described, Form::Result, &mut metadata);
        let fault = FAULTS.into_iter().find_map(|kind| {
            let after = tables.iter().find_map(|table| sandbox.take(kind, Some(table)))?;
            Some((kind, u64::try_from(after).unwrap_or(0)))
        });
        // COUNT(*) and the like also read the table; a replay is for its columns.
        let has_table_columns = described.iter().any(|column| column.flags & flags::UPDATABLE != 0);
        let replay = match (tables.as_slice(), statement) {
            ([table], Some(statement)) if has_table_columns => sandbox.replayed_rows(table).map(|wanted| {
                // Clients differ in what they want a row to look like.
                let key = [&metadata, statement.as_bytes()].concat();
                let source = match sandbox.recording(&key) {
                    Some(recorded) => RowSource::Recorded(recorded),
                    None => RowSource::Recording(key, sandbox.new_recording()),
                };
                Replay { wanted, source }
            }),
            _ => None,
        };
        let slow = tables.iter().find_map(|table| sandbox.take(FaultKind::SlowSelect, Some(table)));
        let pace = slow.and_then(|rate| u64::try_from(rate).ok()).map(Pace::new);
        Self { writer, metadata, rows: 0, fault, replay, pace }
    }

    /// Appends the row's token, and says which fault strikes with it.
    ///
    /// # Errors
    /// The engine's own, see [`UnexpectedNull`].
    pub fn row(&mut self, values: &[Value], out: &mut Vec<u8>) -> Result<Option<FaultKind>, UnexpectedNull> {
        let start = out.len();
        self.writer.write(values, out)?;
        if let Some(Replay { source: RowSource::Recording(_, recording), .. }) = &mut self.replay {
            recording.push(&out[start..]);
        }
        let struck = self.fault.filter(|(_, after)| *after == self.rows);
        self.rows += 1;
        Ok(struck.map(|(kind, _)| kind))
    }

    /// Whatever the engine has, no more rows are wanted.
    pub fn is_full(&self) -> bool {
        self.replay.as_ref().is_some_and(|replay| self.rows >= replay.wanted)
    }

    /// The rows are here already: the engine need not fetch them.
    pub fn has_rows(&self) -> bool {
        matches!(self.replay, Some(Replay { source: RowSource::Recorded(_), .. }))
    }

    /// Sends what a replay adds to the engine's rows; how many rows there are then in all.
    pub fn replay<E>(
        mut self,
        engine: &Engine,
        mut send: impl FnMut(&[u8], Option<&mut Pace>) -> Result<(), E>,
    ) -> Result<Option<u64>, E> {
        let Some(Replay { wanted, source }) = self.replay.take() else { return Ok(None) };
        let recording = match source {
            RowSource::Recorded(recorded) => recorded,
            RowSource::Recording(key, recording) => {
                let recording = Arc::new(recording);
                engine.sandbox.keep_recording(key, recording.clone());
                recording
            }
        };
        while let Some(part) = recording.next(wanted.saturating_sub(self.rows)) {
            send(part.bytes, self.pace.as_mut())?;
            self.rows += part.rows;
        }
        Ok(Some(self.rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox_catalog::store::Storage;
    use sandbox_session::EngineOptions;
    use sandbox_values::SqlType;

    #[test]
    fn a_clr_type_is_named_with_the_current_database() {
        let column = OutColumn {
            name: "g".to_owned(),
            sql_type: SqlType::Geography,
            nullable: true,
            flags: 9,
            user_type: 0,
            table: None,
        };
        let from = ResultFrom { database: "sales".to_owned(), ..ResultFrom::default() };
        let options = EngineOptions { sa_password: "secret".into(), server_name: "test".to_owned() };
        let engine = Engine::open(Storage::Memory, options).unwrap();
        let set = ResultSet::new(&engine, Client::default(), &[column], &from);
        let wanted: Vec<u8> = [5_u8].into_iter().chain("sales".bytes().flat_map(|b| [b, 0])).collect();
        assert!(set.metadata.windows(wanted.len()).any(|bytes| bytes == wanted));
    }
}
