//! A bulk load's own tokens: COLMETADATA of the rows that [`row`](super::row) writes, and the DONE after them
//! ([MS-TDS] 2.2.6.1; docs/WIRE.md, "Three rules for a relay of rows").
use super::columns::{self, Form, WireColumn, flags::NULLABLE};
use super::token::{Done, DoneKind};
use super::types::{CollationBytes, MAX_WIDTH, TypeInfo, token};

/// usUpdateable as clients send it (docs/WIRE.md, "Bulk load message").
const READ_WRITE: u16 = 0x04;

/// What a bulk load must know of a target's column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name that the target knows the column by.
    pub name: String,
    /// fNullable must equal it, or the server answers 4816 (docs/SERVER.md, "Errors of a bulk load").
    pub nullable: bool,
    /// schema.table, for text, ntext and image.
    pub table: String,
}

/// The type of a result column's values once the row scanner has written them: always one that can be NULL.
pub fn type_info(source: &TypeInfo) -> TypeInfo {
    match source {
        TypeInfo::Fixed { token } => {
            let (token, size) = match *token {
                token::INT1 => (token::INTN, 1),
                token::INT2 => (token::INTN, 2),
                token::INT4 => (token::INTN, 4),
                token::BIT => (token::BITN, 1),
                token::FLT4 => (token::FLTN, 4),
                token::FLT8 => (token::FLTN, 8),
                token::MONEY4 => (token::MONEYN, 4),
                token::MONEY => (token::MONEYN, 8),
                token::DATETIM4 => (token::DATETIMN, 4),
                token::DATETIME => (token::DATETIMN, 8),
                _ => (token::INTN, 8),
            };
            TypeInfo::ByteLen { token, size }
        }
        // XMLTYPE is not allowed in a bulk load; five zero bytes of collation are accepted, and
        // nvarchar's are not used at all.
        TypeInfo::Xml { .. } => {
            TypeInfo::Chars { token: token::NVARCHAR, size: MAX_WIDTH, collation: CollationBytes::default() }
        }
        TypeInfo::Udt { .. } => TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH },
        other => other.clone(),
    }
}

/// The bulk COLMETADATA for the columns of a SELECT and those that they go into, in the same order.
pub fn columns(source: &[WireColumn], targets: &[Target]) -> Vec<WireColumn> {
    let column = |(source, target): (&WireColumn, &Target)| {
        let table = match source.type_info {
            TypeInfo::LongLen { .. } => vec![target.table.clone()],
            _ => Vec::new(),
        };
        WireColumn {
            name: target.name.as_str().into(),
            user_type: 0,
            flags: READ_WRITE | if target.nullable { NULLABLE } else { 0 },
            type_info: type_info(&source.type_info),
            table,
        }
    };
    source.iter().zip(targets).map(column).collect()
}

/// The bytes before a bulk load's rows.
pub fn head(columns: &[WireColumn]) -> Vec<u8> {
    let mut out = Vec::new();
    columns::encode(columns, Form::Bulk, &mut out);
    out
}

/// The bytes after them: DONE with an 8-byte count of 0, as other clients send it (docs/WIRE.md, "Bulk load message").
pub fn tail() -> Vec<u8> {
    let mut out = Vec::new();
    Done { kind: DoneKind::Done, status: 0, command: 0, count: 0 }.encode(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::captured;

    #[test]
    fn head_and_tail_are_what_a_server_accepted() {
        let chars = |size| TypeInfo::Chars {
            token: token::NVARCHAR,
            size,
            collation: CollationBytes([0x09, 0x04, 0xD0, 0x00, 0x34]),
        };
        let binary = TypeInfo::Binary { token: token::BIGVARBINARY, size: 16 };
        let sources = [("a", TypeInfo::Fixed { token: token::INT4 }), ("b", chars(32)), ("c", binary)];
        let sources = sources.map(|(name, type_info)| WireColumn {
            name: name.into(),
            user_type: 0,
            flags: 8,
            type_info,
            table: Vec::new(),
        });
        let targets = [("id", false), ("label", true), ("payload", true)].map(|(name, nullable)| Target {
            name: name.into(),
            nullable,
            table: "dbo.t".into(),
        });
        let message = captured::payload(captured::LOAD_UNICODE_BINARY);
        let head = head(&columns(&sources, &targets));
        assert_eq!(head, message[..head.len()]);
        assert_eq!(tail(), message[message.len() - tail().len()..]);
    }

    #[test]
    fn xml_and_clr_types_travel_as_plain_max_types() {
        let udt = TypeInfo::Udt {
            size: 892,
            database: "d".into(),
            schema: "sys".into(),
            name: "hierarchyid".into(),
            assembly: String::new(),
        };
        assert_eq!(type_info(&udt), TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH });
        assert!(type_info(&TypeInfo::Xml { schema: None }).is_plp());
    }
}
