//! What a result says of a column.
use crate::types::SqlType;

/// A result column, as COLMETADATA will say it.
#[derive(Clone, Debug)]
pub struct OutColumn {
    pub name: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    /// The flags of COLMETADATA (docs/WIRE.md, "Column flags").
    pub flags: u16,
    /// 0, or 0x100 sysname, 0x50 timestamp.
    pub user_type: u32,
    /// schema and table, for text/ntext/image.
    pub table: Option<(String, String)>,
}
