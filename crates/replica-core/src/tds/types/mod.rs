//! TYPE_INFO: how a column's values lie on the wire ([MS-TDS] 2.2.5.4 to 2.2.5.6, v39).
//!
//! Too few bytes is [`ParseError::Incomplete`], as everywhere in this module.
use super::wire::{self, ParseError, Reader};

pub mod token;

/// The five collation bytes of a character column ([MS-TDS] 2.2.5.1.2): LCID, flags, sort id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CollationBytes(pub [u8; 5]);

/// A declared width of `0xFFFF` marks a (max) type, whose values are PLP.
pub const MAX_WIDTH: u16 = 0xFFFF;

/// One column's TYPE_INFO. The variants are the shapes that TYPE_INFO has on the wire;
/// `token` says which type of that shape it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeInfo {
    /// No length, not nullable: INT1, BIT, INT2, INT4, DATETIM4, FLT4, MONEY, DATETIME, FLT8, MONEY4, INT8.
    Fixed {
        /// See [`token`].
        token: u8,
    },
    /// One length byte: GUID, INTN, BITN, FLTN, MONEYN, DATETIMN. `size` in bytes.
    ByteLen {
        /// See [`token`].
        token: u8,
        /// The most bytes that a value takes.
        size: u8,
    },
    /// DECIMALN, NUMERICN. `size` in bytes as declared, sign included (SQL Server always says 17).
    Decimal {
        /// See [`token`].
        token: u8,
        /// The most bytes that a value takes.
        size: u8,
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// DATEN: no detail at all.
    Date,
    /// TIMEN, DATETIME2N, DATETIMEOFFSETN.
    Scaled {
        /// See [`token`].
        token: u8,
        /// Digits of a second.
        scale: u8,
    },
    /// BIGBINARY, BIGVARBINARY. `size` in bytes, [`MAX_WIDTH`] for (max).
    Binary {
        /// See [`token`].
        token: u8,
        /// The most bytes that a value takes.
        size: u16,
    },
    /// BIGCHAR, BIGVARCHAR, NCHAR, NVARCHAR. `size` in bytes, [`MAX_WIDTH`] for (max).
    Chars {
        /// See [`token`].
        token: u8,
        /// The most bytes that a value takes.
        size: u16,
        /// The collation that its bytes are in.
        collation: CollationBytes,
    },
    /// TEXT, NTEXT (with a collation) and IMAGE (without). In COLMETADATA a table name follows, see
    /// [`WireColumn`](super::columns::WireColumn).
    LongLen {
        /// See [`token`].
        token: u8,
        /// The most bytes that a value takes.
        size: u32,
        /// None for image.
        collation: Option<CollationBytes>,
    },
    /// XML, with its schema collection (database, owning schema, collection) if it is typed.
    Xml {
        /// Database, schema and name of the schema collection.
        schema: Option<(String, String, String)>,
    },
    /// A CLR type: geography, geometry, hierarchyid. `size` in bytes, [`MAX_WIDTH`] for (max).
    Udt {
        /// The most bytes that a value takes.
        size: u16,
        /// The database that the type is in.
        database: String,
        /// The schema that the type is in.
        schema: String,
        /// Its name.
        name: String,
        /// The assembly that holds it, with version and key.
        assembly: String,
    },
    /// sql_variant.
    Variant {
        /// The most bytes that a value takes.
        size: u32,
    },
}

/// How a value and its length lie in a bulk row ([MS-TDS] 2.2.5.2.3, 2.2.5.4). In a result a value of a FIXEDLENTYPE has no
/// length; all others lie in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueLayout {
    /// BYTELEN_TYPE: a length byte, 0 for NULL.
    ByteLen,
    /// USHORTLEN_TYPE: a USHORT length, 0xFFFF for NULL.
    UShortLen,
    /// sql_variant, a LONGLEN_TYPE: a LONG length, 0 for NULL.
    LongLen,
    /// text, ntext, image, LONGLEN_TYPEs behind a text pointer: the pointer's length byte, 0 for NULL, the pointer and a
    /// timestamp, then a LONG length.
    TextPointer,
    /// PARTLENTYPE: eight bytes of length, then chunks.
    Plp,
}

impl TypeInfo {
    /// Reads a TYPE_INFO, as a result set, an RPC parameter or a bulk load has it.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let token = reader.u8()?;
        Ok(match token {
            token::INT1 | token::BIT | token::INT2 | token::INT4 | token::INT8 => Self::Fixed { token },
            token::FLT4 | token::FLT8 | token::MONEY | token::MONEY4 => Self::Fixed { token },
            token::DATETIM4 | token::DATETIME => Self::Fixed { token },
            token::GUID | token::INTN | token::BITN | token::FLTN | token::MONEYN | token::DATETIMN => {
                let size = reader.u8()?;
                if !byte_len_sizes(token).contains(&size) {
                    return Err(ParseError::malformed(format!("size {size} for type 0x{token:02X}")));
                }
                Self::ByteLen { token, size }
            }
            token::DECIMALN | token::NUMERICN => {
                let [size, precision, scale] = reader.array()?;
                // mssql-python 1.16 says 106 in a bulk load, and SQL Server takes it: no value has more than 17.
                let size = size.min(17);
                if !(1..=38).contains(&precision) || scale > precision {
                    return Err(ParseError::malformed(format!("decimal({precision},{scale})")));
                }
                Self::Decimal { token, size, precision, scale }
            }
            token::DATEN => Self::Date,
            token::TIMEN | token::DATETIME2N | token::DATETIMEOFFSETN => {
                let scale = reader.u8()?;
                if scale > 7 {
                    return Err(ParseError::malformed(format!("scale {scale} for type 0x{token:02X}")));
                }
                Self::Scaled { token, scale }
            }
            token::BIGBINARY | token::BIGVARBINARY => Self::Binary { token, size: short_size(reader)? },
            token::BIGCHAR | token::BIGVARCHAR | token::NCHAR | token::NVARCHAR => {
                Self::Chars { token, size: short_size(reader)?, collation: collation(reader)? }
            }
            token::TEXT | token::NTEXT => {
                let size = reader.u32()?;
                Self::LongLen { token, size, collation: Some(collation(reader)?) }
            }
            token::IMAGE => Self::LongLen { token, size: reader.u32()?, collation: None },
            token::XML => match reader.u8()? {
                0 => Self::Xml { schema: None },
                _ => Self::Xml {
                    schema: Some((reader.b_varchar()?, reader.b_varchar()?, reader.us_varchar()?)),
                },
            },
            token::UDT => Self::Udt {
                size: reader.u16()?,
                database: reader.b_varchar()?,
                schema: reader.b_varchar()?,
                name: reader.b_varchar()?,
                assembly: reader.us_varchar()?,
            },
            token::SSVARIANT => Self::Variant { size: reader.u32()? },
            other => return Err(ParseError::malformed(format!("unknown type 0x{other:02X}"))),
        })
    }

    /// Appends TYPE_INFO, the type's token first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.token());
        match self {
            Self::Fixed { .. } | Self::Date => {}
            Self::ByteLen { size, .. } => out.push(*size),
            Self::Decimal { size, precision, scale, .. } => {
                out.extend_from_slice(&[*size, *precision, *scale])
            }
            Self::Scaled { scale, .. } => out.push(*scale),
            Self::Binary { size, .. } => out.extend_from_slice(&size.to_le_bytes()),
            Self::Chars { size, collation, .. } => {
                out.extend_from_slice(&size.to_le_bytes());
                out.extend_from_slice(&collation.0);
            }
            Self::LongLen { size, collation, .. } => {
                out.extend_from_slice(&size.to_le_bytes());
                collation.iter().for_each(|collation| out.extend_from_slice(&collation.0));
            }
            Self::Xml { schema: None } => out.push(0),
            Self::Xml { schema: Some((database, schema, collection)) } => {
                out.push(1);
                wire::put_b_varchar(database, out);
                wire::put_b_varchar(schema, out);
                wire::put_us_varchar(collection, u16::MAX, out);
            }
            Self::Udt { size, database, schema, name, assembly } => {
                out.extend_from_slice(&size.to_le_bytes());
                wire::put_b_varchar(database, out);
                wire::put_b_varchar(schema, out);
                wire::put_b_varchar(name, out);
                wire::put_us_varchar(assembly, u16::MAX, out);
            }
            Self::Variant { size } => out.extend_from_slice(&size.to_le_bytes()),
        }
    }

    /// The type token byte.
    pub fn token(&self) -> u8 {
        match self {
            Self::Fixed { token }
            | Self::ByteLen { token, .. }
            | Self::Decimal { token, .. }
            | Self::Scaled { token, .. }
            | Self::Binary { token, .. }
            | Self::Chars { token, .. }
            | Self::LongLen { token, .. } => *token,
            Self::Date => token::DATEN,
            Self::Xml { .. } => token::XML,
            Self::Udt { .. } => token::UDT,
            Self::Variant { .. } => token::SSVARIANT,
        }
    }

    /// How its values lie in a bulk row.
    pub fn layout(&self) -> ValueLayout {
        match self {
            Self::LongLen { .. } => ValueLayout::TextPointer,
            Self::Variant { .. } => ValueLayout::LongLen,
            type_info if type_info.is_plp() => ValueLayout::Plp,
            Self::Binary { .. } | Self::Chars { .. } => ValueLayout::UShortLen,
            _ => ValueLayout::ByteLen,
        }
    }

    /// Whether values lie on the wire as PLP: the (max) types, xml and CLR types ([MS-TDS] 2.2.5.2.3).
    pub fn is_plp(&self) -> bool {
        match self {
            Self::Binary { size, .. } | Self::Chars { size, .. } => *size == MAX_WIDTH,
            Self::Xml { .. } | Self::Udt { .. } => true,
            _ => false,
        }
    }
}

/// The value sizes that a nullable type with a length byte comes in ([MS-TDS] 2.2.5.4.2).
fn byte_len_sizes(token: u8) -> &'static [u8] {
    match token {
        token::GUID => &[16],
        token::INTN => &[1, 2, 4, 8],
        token::BITN => &[1],
        _ => &[4, 8],
    }
}

/// Bytes of a value of a fixed-length type ([MS-TDS] 2.2.5.4.1); `None` if `token` is no such type.
pub fn fixed_size(token: u8) -> Option<u8> {
    Some(match token {
        token::INT1 | token::BIT => 1,
        token::INT2 => 2,
        token::INT4 | token::DATETIM4 | token::FLT4 | token::MONEY4 => 4,
        token::INT8 | token::DATETIME | token::FLT8 | token::MONEY => 8,
        _ => return None,
    })
}

fn short_size(reader: &mut Reader<'_>) -> Result<u16, ParseError> {
    match reader.u16()? {
        size @ (0..=8000 | MAX_WIDTH) => Ok(size),
        size => Err(ParseError::malformed(format!("a declared width of {size} bytes"))),
    }
}

fn collation(reader: &mut Reader<'_>) -> Result<CollationBytes, ParseError> {
    Ok(CollationBytes(reader.array()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TYPE_INFOs of docs/WIRE.md, "Captured packets", and one of each remaining shape.
    fn samples() -> Vec<(Vec<u8>, TypeInfo)> {
        let sql_latin1 = CollationBytes([0x09, 0x04, 0xD0, 0x00, 0x34]);
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let named = |units: &[u8], text: &str| [units, &utf16(text)].concat();
        vec![
            (vec![0x26, 4], TypeInfo::ByteLen { token: token::INTN, size: 4 }),
            (
                vec![0xE7, 0x20, 0, 9, 4, 0xD0, 0, 0x34],
                TypeInfo::Chars { token: token::NVARCHAR, size: 32, collation: sql_latin1 },
            ),
            (vec![0xA5, 0x10, 0], TypeInfo::Binary { token: token::BIGVARBINARY, size: 16 }),
            (vec![0x32], TypeInfo::Fixed { token: token::BIT }),
            (
                vec![0x6A, 17, 12, 2],
                TypeInfo::Decimal { token: token::DECIMALN, size: 17, precision: 12, scale: 2 },
            ),
            (vec![0x28], TypeInfo::Date),
            (vec![0x2B, 3], TypeInfo::Scaled { token: token::DATETIMEOFFSETN, scale: 3 }),
            (
                vec![0x23, 0xFF, 0xFF, 0xFF, 0x7F, 9, 4, 0xD0, 0, 0x34],
                TypeInfo::LongLen { token: token::TEXT, size: 0x7FFF_FFFF, collation: Some(sql_latin1) },
            ),
            (vec![0x22, 1, 0, 0, 0], TypeInfo::LongLen { token: token::IMAGE, size: 1, collation: None }),
            (vec![0xF1, 0], TypeInfo::Xml { schema: None }),
            (
                [vec![0xF1, 1], named(&[1], "d"), named(&[3], "dbo"), named(&[1, 0], "c")].concat(),
                TypeInfo::Xml { schema: Some(("d".into(), "dbo".into(), "c".into())) },
            ),
            (
                [
                    vec![0xF0, 0xFF, 0xFF],
                    named(&[1], "d"),
                    named(&[3], "sys"),
                    named(&[1], "g"),
                    named(&[1, 0], "a"),
                ]
                .concat(),
                TypeInfo::Udt {
                    size: MAX_WIDTH,
                    database: "d".into(),
                    schema: "sys".into(),
                    name: "g".into(),
                    assembly: "a".into(),
                },
            ),
            (vec![0x62, 0x49, 0x1F, 0, 0], TypeInfo::Variant { size: 8009 }),
        ]
    }

    #[test]
    fn every_shape_is_parsed_and_encoded_byte_for_byte() {
        for (bytes, expected) in samples() {
            let mut reader = Reader::new(&bytes);
            assert_eq!(TypeInfo::parse(&mut reader), Ok(expected.clone()));
            assert_eq!(reader.remaining(), 0, "{expected:?}");
            let mut out = Vec::new();
            expected.encode(&mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_prefix_is_short_never_wrong() {
        for (bytes, _) in samples() {
            for end in 0..bytes.len() {
                assert_eq!(TypeInfo::parse(&mut Reader::new(&bytes[..end])), Err(ParseError::Incomplete));
            }
        }
    }

    #[test]
    fn impossible_details_are_refused() {
        for bytes in
            [&[0x26, 3][..], &[0x6A, 17, 39, 0], &[0x6A, 17, 5, 6], &[0x29, 8], &[0xA5, 0x41, 0x1F], &[0x1F]]
        {
            assert!(
                matches!(TypeInfo::parse(&mut Reader::new(bytes)), Err(ParseError::Malformed(_))),
                "{bytes:02X?}"
            );
        }
    }
}
