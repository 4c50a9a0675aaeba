//! Remote procedure calls ([MS-TDS] 2.2.6.6).
use crate::engine::api::Param;
use crate::error::SqlError;
use crate::values::CollationId;
use crate::values::wire::{read_value, sql_type};
use replica_core::tds::types::TypeInfo;
use replica_core::tds::wire::{Malformed, Reader, Stop, complete};

/// Procedures that have a number ([MS-TDS] 2.2.6.6, ProcID).
pub mod procedure {
    pub const EXECUTE_SQL: &str = "sp_executesql";
    pub const PREPARE: &str = "sp_prepare";
    pub const EXECUTE: &str = "sp_execute";
    pub const PREPARE_EXECUTE: &str = "sp_prepexec";
    pub const UNPREPARE: &str = "sp_unprepare";
    /// In the order of their numbers, from 1.
    pub const BY_NUMBER: [&str; 15] = [
        "sp_cursor",
        "sp_cursoropen",
        "sp_cursorprepare",
        "sp_cursorexecute",
        "sp_cursorprepexec",
        "sp_cursorunprepare",
        "sp_cursorfetch",
        "sp_cursoroption",
        "sp_cursorclose",
        EXECUTE_SQL,
        PREPARE,
        EXECUTE,
        PREPARE_EXECUTE,
        "sp_prepexecrpc",
        UNPREPARE,
    ];
}

#[derive(Debug)]
pub struct Call {
    pub name: String,
    pub params: Vec<Param>,
}

/// Why no call could be read.
#[derive(Debug)]
pub enum Unreadable {
    /// The connection can't go on.
    Malformed(Malformed),
    /// A parameter that SQL Server refuses as well.
    Refused(SqlError),
}

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Unreadable::Malformed(malformed)
    }
}

/// A name of 0xFFFF units is a number instead.
const BY_NUMBER: u16 = 0xFFFF;
/// Between two calls of one message: BatchFlag, and that of TDS 7.1.
const SEPARATORS: [u8; 2] = [0xFF, 0x80];
/// Bits of a parameter's status flags.
const BY_REFERENCE: u8 = 0x01;

/// Reads the calls of a message's body; strings without a collation of their own take `default`.
///
/// # Errors
/// [`Unreadable`].
pub fn parse(body: &[u8], default: CollationId) -> Result<Vec<Call>, Unreadable> {
    let mut reader = Reader::new(body);
    let mut calls = Vec::new();
    loop {
        let name = complete(procedure_name(&mut reader), "an RPC")?;
        complete(reader.u16(), "an RPC")?;
        let mut params = Vec::new();
        let separated = loop {
            if reader.remaining() == 0 {
                break false;
            }
            let rest = &body[reader.position()..];
            // A name's length never reaches a separator's value: names have 128 units at most.
            if SEPARATORS.contains(&rest[0]) {
                complete(reader.u8(), "an RPC")?;
                break true;
            }
            params.push(param(&mut reader, body, params.len() + 1, default)?);
        };
        calls.push(Call { name, params });
        if !separated || reader.remaining() == 0 {
            return Ok(calls);
        }
    }
}

fn procedure_name(reader: &mut Reader) -> Result<String, Stop> {
    match reader.u16()? {
        BY_NUMBER => {
            let number = reader.u16()?;
            let index = usize::from(number).checked_sub(1);
            let known = index.and_then(|index| procedure::BY_NUMBER.get(index));
            known
                .map(|&name| name.to_owned())
                .ok_or_else(|| Stop::malformed(format!("procedure number {number}")))
        }
        units => reader.utf16(usize::from(units)),
    }
}

fn param(
    reader: &mut Reader,
    body: &[u8],
    ordinal: usize,
    default: CollationId,
) -> Result<Param, Unreadable> {
    let name = complete(reader.b_varchar(), "an RPC parameter")?;
    let flags = complete(reader.u8(), "an RPC parameter")?;
    let token = body.get(reader.position()).copied().unwrap_or_default();
    let unknown = || {
        Unreadable::Refused(SqlError::new(
            8009,
            16,
            4,
            format!(
                "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. \
                 Parameter {ordinal} (\"{name}\"): Data type 0x{token:02X} is unknown."
            ),
        ))
    };
    let type_info = match TypeInfo::parse(reader) {
        Ok(type_info) => type_info,
        Err(Stop::Short) => return Err(Malformed::new("an RPC parameter is cut short").into()),
        Err(Stop::Malformed(_)) => return Err(unknown()),
    };
    let sql_type = sql_type(&type_info, default).ok_or_else(unknown)?;
    let mut rest = &body[reader.position()..];
    let before = rest.len();
    let value = read_value(&mut rest, &type_info).map_err(|error| {
        Unreadable::Malformed(Malformed::new(format!("RPC parameter {ordinal} ({name}): {error}")))
    })?;
    complete(reader.bytes(before - rest.len()), "an RPC parameter")?;
    Ok(Param { name, sql_type, value, output: flags & BY_REFERENCE != 0 })
}
