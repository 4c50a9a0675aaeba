//! Remote procedure calls ([MS-TDS] 2.2.6.6).
use replica_core::tds::types::TypeInfo;
use replica_core::tds::wire::{Malformed, ParseError, Reader, complete, from_utf16le};
use sandbox_session::api::Param;
use sandbox_values::error::SqlError;
use sandbox_values::wire::{ReadError, read_parameter, sql_type};
use sandbox_values::{CollationId, SqlType, Value};

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
pub struct RpcCall {
    pub name: String,
    pub params: Vec<Param>,
}

impl RpcCall {
    /// Of `sp_executesql` and its kin the statement and the declaration of its parameters, where they are text.
    pub fn statement(&self) -> (Option<String>, Option<String>) {
        let positions = match self.name.as_str() {
            procedure::EXECUTE_SQL => (0, 1),
            procedure::PREPARE | procedure::PREPARE_EXECUTE => (2, 1),
            _ => return (None, None),
        };
        let text = |position| self.params.get(position).and_then(text);
        (text(positions.0), text(positions.1))
    }
}

fn text(param: &Param) -> Option<String> {
    match (&param.sql_type, &param.value) {
        (SqlType::NVarChar(..) | SqlType::NText(_), Value::Bytes(bytes)) => Some(from_utf16le(bytes)),
        _ => None,
    }
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
pub fn parse(body: &[u8], default: CollationId) -> Result<Vec<RpcCall>, Unreadable> {
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
        calls.push(RpcCall { name, params });
        if !separated || reader.remaining() == 0 {
            return Ok(calls);
        }
    }
}

fn procedure_name(reader: &mut Reader) -> Result<String, ParseError> {
    match reader.u16()? {
        BY_NUMBER => {
            let number = reader.u16()?;
            let index = usize::from(number).checked_sub(1);
            let known = index.and_then(|index| procedure::BY_NUMBER.get(index));
            known
                .map(|&name| name.to_owned())
                .ok_or_else(|| ParseError::malformed(format!("procedure number {number}")))
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
        Err(ParseError::Incomplete) => return Err(Malformed::new("an RPC parameter is cut short").into()),
        Err(ParseError::Malformed(_)) => return Err(unknown()),
    };
    let sql_type = sql_type(&type_info, default).ok_or_else(unknown)?;
    let mut rest = &body[reader.position()..];
    let before = rest.len();
    let value = read_parameter(&mut rest, &type_info).map_err(|error| match error {
        ReadError::Invalid => Unreadable::Refused(SqlError::new(
            8023,
            16,
            5,
            format!(
                "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. \
                 Parameter {ordinal} (\"{name}\"): The supplied value is not a valid instance of data type {}. Check \
                 the source data for invalid values. An example of an invalid value is data of numeric type with scale \
                 greater than precision.",
                sql_type.name()
            ),
        )),
        error => Unreadable::Malformed(Malformed::new(format!("RPC parameter {ordinal} ({name}): {error}"))),
    })?;
    complete(reader.bytes(before - rest.len()), "an RPC parameter")?;
    Ok(Param { name, sql_type, value, output: flags & BY_REFERENCE != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sandbox_values::Value;

    /// sp_executesql by number, with a text, a declaration and an int by reference.
    fn execute_sql() -> Vec<u8> {
        let mut body = vec![0xFF, 0xFF, 10, 0, 0, 0];
        for text in ["SELECT @n", "@n int"] {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            body.extend([0, 0, 0xE7, 0x40, 0x1F, 9, 4, 0xD0, 0, 0x34]);
            body.extend((units.len() as u16).to_le_bytes());
            body.extend(units);
        }
        body.extend([2, b'@', 0, b'n', 0, 1, 0x26, 4, 4, 7, 0, 0, 0]);
        body
    }

    fn parsed(body: &[u8]) -> Vec<RpcCall> {
        parse(body, CollationId::SERVER_DEFAULT).expect("a well-formed RPC")
    }

    #[test]
    fn a_call_by_number_with_its_parameters() {
        let calls = parsed(&execute_sql());
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].name, "sp_executesql");
        let [text, declaration, n] = calls[0].params.as_slice() else { panic!("{calls:?}") };
        assert_eq!(text.value, Value::Bytes(b"S\0E\0L\0E\0C\0T\0 \0@\0n\0".to_vec()));
        assert!(!declaration.output);
        assert_eq!((n.name.as_str(), &n.value, n.output), ("@n", &Value::Int(7), true));
    }

    /// What FreeTDS 1.3 sends for `select ?` with 123.456 and a long text.
    #[test]
    fn long_texts_and_short_decimals() {
        let mut body = vec![2, 0, b's', 0, b'p', 0, 0, 0];
        body.extend([0, 0, 0x63, 4, 0, 0, 0, 9, 4, 0xD0, 0, 0x34, 4, 0, 0, 0, b'h', 0, b'i', 0]);
        body.extend([0, 0, 0x23, 4, 0, 0, 0, 9, 4, 0xD0, 0, 0x34, 0xFF, 0xFF, 0xFF, 0xFF]);
        body.extend([0, 0, 0x6C, 4, 6, 3, 4, 1, 0x40, 0xE2, 0x01]);
        let values: Vec<_> = parsed(&body)[0].params.iter().map(|param| param.value.clone()).collect();
        assert_eq!(values, [Value::Bytes(b"h\0i\0".to_vec()), Value::Null, Value::Decimal(123_456)]);
    }

    #[test]
    fn several_calls_in_one_message() {
        for separator in SEPARATORS {
            let body = [execute_sql(), vec![separator], vec![2, 0, b's', 0, b'p', 0, 0, 0]].concat();
            let names: Vec<_> = parsed(&body).into_iter().map(|call| call.name).collect();
            assert_eq!(names, ["sp_executesql", "sp"]);
        }
    }

    #[test]
    fn a_value_that_the_type_cannot_have_is_8023() {
        let mut body = vec![2, 0, b's', 0, b'p', 0, 0, 0, 0, 0, 0x6D, 8, 8];
        body.extend(f64::NAN.to_le_bytes());
        match parse(&body, CollationId::SERVER_DEFAULT) {
            Err(Unreadable::Refused(error)) => {
                assert_eq!(error.number, 8023);
                assert!(error.text.contains("Parameter 1 (\"\"): The supplied value"), "{}", error.text);
                assert!(error.text.contains("of data type float."), "{}", error.text);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_type_that_no_parameter_can_have_is_8009() {
        let mut body = execute_sql();
        let at = body.len() - 7;
        body[at] = 0x01;
        match parse(&body, CollationId::SERVER_DEFAULT) {
            Err(Unreadable::Refused(error)) => assert_eq!(error.number, 8009),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn wrong_bytes_are_refused_or_read(at in 0..200usize, byte: u8, cut in 0..200usize) {
            let mut body = execute_sql();
            let at = at % body.len();
            body[at] = byte;
            body.truncate(body.len().saturating_sub(cut));
            // Whatever it says: it comes back.
            drop(parse(&body, CollationId::SERVER_DEFAULT));
        }
    }
}
