//! One result set on its way out: its rows' encoding, and what the sandbox was asked to do with them.
use crate::engine::Engine;
use crate::engine::api::OutColumn;
use crate::engine::sandbox::{FaultKind, PlpLengths, Recording, TableName};
use crate::values::Value;
use crate::values::wire::{Client, Plp, RowWriter, UnexpectedNull};
use replica_core::tds::columns::{self, Column, Form, flags};
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
}

/// A replay to this many rows.
struct Replay {
    wanted: u64,
    source: Source,
}

enum Source {
    /// The engine's rows, kept as they go out for the first time.
    Recording(Recording),
    Recorded(Arc<Recording>),
}

impl ResultSet {
    /// `tables`: those that the SELECT reads.
    pub fn new(engine: &Engine, client: Client, described: &[OutColumn], tables: &[TableName]) -> Self {
        let sandbox = &engine.sandbox;
        let plp = match sandbox.plp() {
            PlpLengths::Known => Plp::Known,
            PlpLengths::Unknown { chunk } => Plp::Unknown { chunk },
        };
        let types = described.iter().map(|column| (&column.sql_type, column.nullable));
        let writer = RowWriter::new(types, client, plp);
        let described: Vec<Column> = described
            .iter()
            .zip(writer.type_infos())
            .map(|(column, type_info)| Column {
                name: column.name.clone(),
                user_type: column.user_type,
                flags: column.flags,
                type_info: type_info.clone(),
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
        let wanted = match tables {
            [table] if has_table_columns => sandbox.replayed_rows(table),
            _ => None,
        };
        let replay = wanted.map(|wanted| Replay {
            wanted,
            source: match sandbox.recording(&metadata) {
                Some(recorded) => Source::Recorded(recorded),
                None => Source::Recording(Recording::default()),
            },
        });
        Self { writer, metadata, rows: 0, fault, replay }
    }

    /// Appends the row's token, and says which fault strikes with it.
    ///
    /// # Errors
    /// The engine's own, see [`UnexpectedNull`].
    pub fn row(&mut self, values: &[Value], out: &mut Vec<u8>) -> Result<Option<FaultKind>, UnexpectedNull> {
        let start = out.len();
        self.writer.write(values, out)?;
        if let Some(Replay { source: Source::Recording(recording), .. }) = &mut self.replay {
            recording.push(&out[start..]);
        }
        let struck = self.fault.filter(|(_, after)| *after == self.rows);
        self.rows += 1;
        Ok(struck.map(|(kind, _)| kind))
    }

    /// The rows are here already: the engine need not fetch them.
    pub fn has_rows(&self) -> bool {
        matches!(self.replay, Some(Replay { source: Source::Recorded(_), .. }))
    }

    /// Sends what a replay adds to the engine's rows; how many rows there are then in all.
    pub fn replay<E>(
        mut self,
        engine: &Engine,
        mut send: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<u64>, E> {
        let Some(Replay { wanted, source }) = self.replay.take() else { return Ok(None) };
        let recording = match source {
            Source::Recorded(recorded) => recorded,
            Source::Recording(recording) => {
                let recording = Arc::new(recording);
                engine.sandbox.keep_recording(self.metadata, recording.clone());
                recording
            }
        };
        while let Some(part) = recording.next(wanted.saturating_sub(self.rows)) {
            send(part.bytes)?;
            self.rows += part.rows;
        }
        Ok(Some(self.rows))
    }
}
