//! sp_datatype_info and sp_datatype_info_100 (Microsoft docs, "sp_datatype_info"): drivers ask for the widths of types.
use super::answer;
use super::arguments::Arguments;
use super::catalog::read;
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_views::definition::{Cell, Columns, Row};

/// A type a line: what [`COLUMNS`] names, without LOCAL_TYPE_NAME and INTERVAL_PRECISION. Nothing is NULL. The values
/// are SQL Server's as Babelfish has them (its src/include/datatype_info.h).
const TYPES: &str = include_str!("datatype_info.txt");

const COLUMNS: Columns = Columns(&[
    "TYPE_NAME sysname, DATA_TYPE smallint, PRECISION int null, LITERAL_PREFIX varchar(32) null",
    "LITERAL_SUFFIX varchar(32) null, CREATE_PARAMS varchar(32) null, NULLABLE smallint, CASE_SENSITIVE smallint",
    "SEARCHABLE smallint, UNSIGNED_ATTRIBUTE smallint null, MONEY smallint, AUTO_INCREMENT smallint null",
    "LOCAL_TYPE_NAME sysname null, MINIMUM_SCALE smallint null, MAXIMUM_SCALE smallint null",
    "SQL_DATA_TYPE smallint, SQL_DATETIME_SUB smallint null, NUM_PREC_RADIX int null",
    "INTERVAL_PRECISION smallint null = null, USERTYPE smallint null",
]);
const DATA_TYPE: usize = 1;
const CASE_SENSITIVE: usize = 7;
const AUTO_INCREMENT: usize = 11;
const MONEY: usize = 10;

pub fn datatype_info(
    params: &[Param],
    session: &mut Session,
    sink: &mut dyn Sink,
    newer: bool,
) -> Outcome<i32> {
    let procedure = if newer { "sp_datatype_info_100" } else { "sp_datatype_info" };
    let given = Arguments::bind(procedure, &["@data_type", "@ODBCVer"], params)?;
    let wanted = given.int("@data_type")?.unwrap_or(0);
    let version = given.int("@ODBCVer")?.unwrap_or(2);
    let (rows, collation) = read(session, |scope| {
        let sensitive = scope.database.collation.get().is_case_sensitive();
        let mut rows: Vec<Row> = TYPES.lines().map(|line| row(line, version, newer, sensitive)).collect();
        rows.retain(|row| wanted == 0 || number(row, DATA_TYPE) == Some(wanted.into()));
        let order = |row: &Row| [DATA_TYPE, AUTO_INCREMENT, MONEY].map(|at| number(row, at));
        rows.sort_by_key(|row| (order(row), row.last().and_then(int)));
        Ok(rows)
    })?;
    answer::rows(COLUMNS, rows, collation, sink)?;
    Ok(0)
}

fn row(line: &str, version: i32, newer: bool, sensitive: bool) -> Row {
    let cell = |text: &str| match text.parse() {
        Ok(number) => Cell::Int(number),
        Err(_) if text.is_empty() => Cell::Null,
        Err(_) => Cell::from(text),
    };
    let mut cells: Row = line.split('|').map(cell).collect();
    let name = cells[0].clone();
    if let Some(Cell::Int(number)) = cells.get_mut(DATA_TYPE) {
        *number = as_asked(*number, &name, version, newer);
    }
    if let Some(Cell::Int(flag @ 1)) = cells.get_mut(CASE_SENSITIVE) {
        *flag = sensitive.into();
    }
    cells.insert(12, name);
    cells
}

/// The numbers in the list are those of ODBC 3 and of a client that knows the types of SQL Server 2008.
fn as_asked(number: i64, name: &Cell, version: i32, newer: bool) -> i64 {
    let old = matches!(name, Cell::Text(name) if name == "datetime" || name == "smalldatetime");
    match number {
        -155 | -154 | 91 if !newer => -9,
        93 if !newer && !old => -9,
        -152 if !newer => -10,
        91 if version < 3 => 9,
        93 if version < 3 => 11,
        other => other,
    }
}

fn number(row: &Row, at: usize) -> Option<i64> {
    row.get(at).and_then(int)
}

fn int(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(*number),
        _ => None,
    }
}
