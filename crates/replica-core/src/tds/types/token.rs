//! The type token bytes ([MS-TDS] 2.2.5.4).

/// tinyint.
pub const INT1: u8 = 0x30;
/// bit.
pub const BIT: u8 = 0x32;
/// smallint.
pub const INT2: u8 = 0x34;
/// int.
pub const INT4: u8 = 0x38;
/// smalldatetime.
pub const DATETIM4: u8 = 0x3A;
/// real.
pub const FLT4: u8 = 0x3B;
/// money.
pub const MONEY: u8 = 0x3C;
/// datetime.
pub const DATETIME: u8 = 0x3D;
/// float.
pub const FLT8: u8 = 0x3E;
/// smallmoney.
pub const MONEY4: u8 = 0x7A;
/// bigint.
pub const INT8: u8 = 0x7F;
/// uniqueidentifier.
pub const GUID: u8 = 0x24;
/// tinyint to bigint, or NULL.
pub const INTN: u8 = 0x26;
/// bit, or NULL.
pub const BITN: u8 = 0x68;
/// decimal.
pub const DECIMALN: u8 = 0x6A;
/// numeric.
pub const NUMERICN: u8 = 0x6C;
/// real or float, or NULL.
pub const FLTN: u8 = 0x6D;
/// smallmoney or money, or NULL.
pub const MONEYN: u8 = 0x6E;
/// smalldatetime or datetime, or NULL.
pub const DATETIMN: u8 = 0x6F;
/// date.
pub const DATEN: u8 = 0x28;
/// time.
pub const TIMEN: u8 = 0x29;
/// datetime2.
pub const DATETIME2N: u8 = 0x2A;
/// datetimeoffset.
pub const DATETIMEOFFSETN: u8 = 0x2B;
/// varbinary, (max) too.
pub const BIGVARBINARY: u8 = 0xA5;
/// varchar, (max) too.
pub const BIGVARCHAR: u8 = 0xA7;
/// binary.
pub const BIGBINARY: u8 = 0xAD;
/// char.
pub const BIGCHAR: u8 = 0xAF;
/// nvarchar, (max) too.
pub const NVARCHAR: u8 = 0xE7;
/// nchar.
pub const NCHAR: u8 = 0xEF;
/// xml.
pub const XML: u8 = 0xF1;
/// A CLR type.
pub const UDT: u8 = 0xF0;
/// text.
pub const TEXT: u8 = 0x23;
/// image.
pub const IMAGE: u8 = 0x22;
/// ntext.
pub const NTEXT: u8 = 0x63;
/// sql_variant.
pub const SSVARIANT: u8 = 0x62;
