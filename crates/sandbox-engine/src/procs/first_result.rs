//! `sp_describe_first_result_set`.
use super::answer;
use super::arguments::Arguments;
use crate::describe::describe;
use sandbox_session::Session;
use sandbox_session::api::{OutColumn, Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_values::{CollationId, SqlType};
use sandbox_views::definition::{Cell, Columns, Row, row};

const COLUMNS: Columns = Columns(&[
    "is_hidden bit = 0, column_ordinal int, name sysname null, is_nullable bit, system_type_id int",
    "system_type_name nvarchar(256) null, max_length smallint, precision tinyint, scale tinyint",
    "collation_name sysname null, user_type_id int null = null, user_type_database sysname null = null",
    "user_type_schema sysname null = null, user_type_name sysname null = null",
    "assembly_qualified_type_name nvarchar(4000) null = null, xml_collection_id int null = null",
    "xml_collection_database sysname null = null, xml_collection_schema sysname null = null",
    "xml_collection_name sysname null = null, is_xml_document bit = 0, is_case_sensitive bit",
    "is_fixed_length_clr_type bit = 0, source_server sysname null = null, source_database sysname null = null",
    "source_schema sysname null = null, source_table sysname null = null, source_column sysname null = null",
    "is_identity_column bit null, is_part_of_unique_key bit null = null, is_updateable bit null",
    "is_computed_column bit null, is_sparse_column_set bit null = 0, ordinal_in_order_by_list smallint null = null",
    "order_by_is_descending smallint null = null, order_by_list_length smallint null = null",
    "tds_type_id int, tds_length int, tds_collation_id int null, tds_collation_sort_id tinyint null",
]);

/// Parameters are declared and stay NULL: the statement is not run for its rows.
pub fn describe_first(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = ["@tsql", "@params", "@browse_information_mode"];
    let given = Arguments::bind("sp_describe_first_result_set", &names, params)?;
    let mut sql = given.required_text("@tsql")?;
    if let Some(declared) = given.text("@params").filter(|p| !p.trim().is_empty()) {
        sql = format!("DECLARE {declared}; {sql}");
    }
    let fmtonly = std::mem::replace(&mut session.options.fmtonly, true);
    let described = describe(session, &sql);
    session.options.fmtonly = fmtonly;
    let rows = described?.iter().enumerate().map(|(at, column)| line(at + 1, column)).collect();
    answer::rows(COLUMNS, rows, CollationId::SERVER_DEFAULT, sink)?;
    Ok(0)
}

fn line(ordinal: usize, column: &OutColumn) -> Row {
    let t = &column.sql_type;
    let wire = t.collation().map(|c| c.get().wire().0);
    let sort_id = wire.map(|bytes| bytes[4]);
    let collation_id = wire.map(|[a, b, c, d, _]| i32::from_le_bytes([a, b, c, d]));
    let (tds_type, tds_length) = on_the_wire(t, column.nullable);
    row![
        ordinal,
        Some(&column.name).filter(|n| !n.is_empty()),
        column.nullable,
        t.system_type_id(),
        t.to_string(),
        t.max_length(),
        t.precision(),
        t.scale(),
        t.collation().map(|c| c.get().name.to_owned()),
        column.flags & 0x02 != 0,
        column.flags & 0x10 != 0,
        column.flags & 0x0c != 0,
        column.flags & 0x20 != 0,
        tds_type,
        tds_length,
        collation_id.map_or(Cell::Null, Cell::from),
        sort_id.map_or(Cell::Null, Cell::from),
    ]
}

/// TYPE_INFO's type byte and length.
pub(super) fn on_the_wire(sql_type: &SqlType, nullable: bool) -> (u8, i32) {
    use replica_core::tds::types::TypeInfo;
    use sandbox_values::wire::{Client, type_info};
    let info = type_info(sql_type, nullable, Client::default());
    let length = match &info {
        // As COLMETADATA says it: of UTF-8 columns twice the declared one for clients without UTF-8.
        TypeInfo::Chars { size, .. } | TypeInfo::Binary { size, .. } => i32::from(*size),
        _ => i32::from(sql_type.max_length()),
    };
    (info.token(), if length < 0 { 65535 } else { length })
}
