//! TYPE_INFO: how a column's values lie on the wire ([MS-TDS] 2.2.5.4 to 2.2.5.6, v39).
//!
//! The parser is resumable in the sense of the whole module: too few bytes is `Ok(None)`.

/// The five collation bytes of a character column ([MS-TDS] 2.2.5.1.2): LCID, flags, sort id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CollationBytes(pub [u8; 5]);

/// A declared width of `0xFFFF` marks a (max) type, whose values are PLP.
pub const MAX_WIDTH: u16 = 0xFFFF;

/// The type token bytes ([MS-TDS] 2.2.5.4).
pub mod token {
    pub const INT1: u8 = 0x30;
    pub const BIT: u8 = 0x32;
    pub const INT2: u8 = 0x34;
    pub const INT4: u8 = 0x38;
    pub const DATETIM4: u8 = 0x3A;
    pub const FLT4: u8 = 0x3B;
    pub const MONEY: u8 = 0x3C;
    pub const DATETIME: u8 = 0x3D;
    pub const FLT8: u8 = 0x3E;
    pub const MONEY4: u8 = 0x7A;
    pub const INT8: u8 = 0x7F;
    pub const GUID: u8 = 0x24;
    pub const INTN: u8 = 0x26;
    pub const BITN: u8 = 0x68;
    pub const DECIMALN: u8 = 0x6A;
    pub const NUMERICN: u8 = 0x6C;
    pub const FLTN: u8 = 0x6D;
    pub const MONEYN: u8 = 0x6E;
    pub const DATETIMN: u8 = 0x6F;
    pub const DATEN: u8 = 0x28;
    pub const TIMEN: u8 = 0x29;
    pub const DATETIME2N: u8 = 0x2A;
    pub const DATETIMEOFFSETN: u8 = 0x2B;
    pub const BIGVARBINARY: u8 = 0xA5;
    pub const BIGVARCHAR: u8 = 0xA7;
    pub const BIGBINARY: u8 = 0xAD;
    pub const BIGCHAR: u8 = 0xAF;
    pub const NVARCHAR: u8 = 0xE7;
    pub const NCHAR: u8 = 0xEF;
    pub const XML: u8 = 0xF1;
    pub const UDT: u8 = 0xF0;
    pub const TEXT: u8 = 0x23;
    pub const IMAGE: u8 = 0x22;
    pub const NTEXT: u8 = 0x63;
    pub const SSVARIANT: u8 = 0x62;
}

/// One column's TYPE_INFO. The variants are the shapes that TYPE_INFO has on the wire;
/// `token` says which type of that shape it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeInfo {
    /// No length, not nullable: INT1, BIT, INT2, INT4, DATETIM4, FLT4, MONEY, DATETIME, FLT8, MONEY4, INT8.
    Fixed { token: u8 },
    /// One length byte: GUID, INTN, BITN, FLTN, MONEYN, DATETIMN. `size` in bytes.
    ByteLen { token: u8, size: u8 },
    /// DECIMALN, NUMERICN. `size` in bytes as declared, sign included (SQL Server always says 17).
    Decimal { token: u8, size: u8, precision: u8, scale: u8 },
    /// DATEN: no detail at all.
    Date,
    /// TIMEN, DATETIME2N, DATETIMEOFFSETN.
    Scaled { token: u8, scale: u8 },
    /// BIGBINARY, BIGVARBINARY. `size` in bytes, [`MAX_WIDTH`] for (max).
    Binary { token: u8, size: u16 },
    /// BIGCHAR, BIGVARCHAR, NCHAR, NVARCHAR. `size` in bytes, [`MAX_WIDTH`] for (max).
    Chars { token: u8, size: u16, collation: CollationBytes },
    /// TEXT, NTEXT (with a collation) and IMAGE (without). The table name's parts follow in a result set.
    LongLen { token: u8, size: u32, collation: Option<CollationBytes>, table: Vec<String> },
    /// XML, with its schema collection (database, owning schema, collection) if it is typed.
    Xml { schema: Option<(String, String, String)> },
    /// A CLR type: geography, geometry, hierarchyid. `size` in bytes, [`MAX_WIDTH`] for (max).
    Udt { size: u16, database: String, schema: String, name: String, assembly: String },
    /// sql_variant.
    Variant { size: u32 },
}
