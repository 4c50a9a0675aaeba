//! `sp_tablecollations_100`, by which bulk copy libraries learn a table's collations. It is undocumented; its four
//! columns are what SqlClient's SqlBulkCopy and mssql-tds read of them.
use super::arguments::Arguments;
use sandbox_session::Session;
use sandbox_session::api::{Done, OutColumn, Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::SourceText;
use sandbox_values::collation::utf16le;
use sandbox_values::{CollationId, Len, SqlType, Value};

/// CurCmd of SELECT.
const SELECT: u16 = 193;
/// COLMETADATA flag of columns that may be NULL.
const NULLABLE: u16 = 0x01;

/// One row a column: its id, its name, and collation bytes and name, which are NULL where it has none.
pub fn table_collations(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_tablecollations_100", &["@object"], params)?;
    let name = given.required_text("@object")?;
    let source = SourceText::new(&name)?;
    let name = source.cursor().expect_object_name()?;
    let rows: Vec<[Value; 4]> = {
        let instance = session.engine.instance();
        let table = names::table(session, &instance, &name);
        let columns = table.iter().flat_map(|(_, table)| &table.columns);
        columns
            .map(|column| {
                let collation = column.sql_type.collation().map(CollationId::get);
                [
                    Value::Int(i64::from(column.column_id)),
                    sysname(&column.name),
                    collation.map_or(Value::Null, |c| Value::Bytes(c.wire().0.to_vec())),
                    collation.map_or(Value::Null, |c| sysname(&c.name)),
                ]
            })
            .collect()
    };
    let name_type = || SqlType::NVarChar(Len::N(128), CollationId::catalog());
    sink.columns(&[
        column("colid", SqlType::Int, 0),
        column("name", name_type(), 0),
        column("tds_collation_100", SqlType::Binary(5), NULLABLE),
        column("collation_100", name_type(), NULLABLE),
    ])?;
    for row in &rows {
        sink.row(row)?;
    }
    sink.done(Done { command: SELECT, count: Some(rows.len() as u64), error: false })?;
    Ok(0)
}

fn column(name: &str, sql_type: SqlType, flags: u16) -> OutColumn {
    let nullable = flags & NULLABLE != 0;
    OutColumn { name: name.to_owned(), sql_type, nullable, flags, user_type: 0, table: None }
}

fn sysname(text: &str) -> Value {
    Value::Bytes(utf16le(&text.encode_utf16().collect::<Vec<_>>()))
}
