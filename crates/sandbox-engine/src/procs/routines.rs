//! sp_stored_procedures and sp_sproc_columns (Microsoft docs of the same names): nothing here has been made by users, and
//! what the sandbox brings along is not listed.
use super::answer;
use super::arguments::Arguments;
use super::catalog::{own_database, read};
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_views::definition::Columns;

pub fn procedures(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = ["@sp_name", "@sp_owner", "@sp_qualifier", "@fUsePattern"];
    let columns = Columns(&[
        "PROCEDURE_QUALIFIER sysname null, PROCEDURE_OWNER sysname null, PROCEDURE_NAME nvarchar(134)",
        "NUM_INPUT_PARAMS int null, NUM_OUTPUT_PARAMS int null, NUM_RESULT_SETS int null",
        "REMARKS varchar(254) null, PROCEDURE_TYPE smallint null",
    ]);
    none("sp_stored_procedures", &names, "@sp_qualifier", columns, params, session, sink)
}

pub fn procedure_columns(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = [
        "@procedure_name",
        "@procedure_owner",
        "@procedure_qualifier",
        "@column_name",
        "@ODBCVer",
        "@fUsePattern",
    ];
    let columns = Columns(&[
        "PROCEDURE_QUALIFIER sysname null, PROCEDURE_OWNER sysname null, PROCEDURE_NAME nvarchar(134)",
        "COLUMN_NAME sysname null, COLUMN_TYPE smallint null, DATA_TYPE smallint null, TYPE_NAME sysname null",
        "PRECISION int null, LENGTH int null, SCALE smallint null, RADIX smallint null, NULLABLE smallint null",
        "REMARKS varchar(254) null, COLUMN_DEF nvarchar(4000) null, SQL_DATA_TYPE smallint null",
        "SQL_DATETIME_SUB smallint null, CHAR_OCTET_LENGTH int null, ORDINAL_POSITION int null",
        "IS_NULLABLE varchar(254) null, SS_DATA_TYPE tinyint null",
    ]);
    none("sp_sproc_columns", &names, "@procedure_qualifier", columns, params, session, sink)
}

/// What SqlClient's `SqlCommandBuilder.DeriveParameters` reads by name. It is undocumented: the order of its columns is
/// unconfirmed.
pub fn managed_parameters(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = ["@procedure_name", "@group_number", "@procedure_schema", "@parameter_name"];
    let columns = Columns(&[
        "PROCEDURE_CATALOG nvarchar(128) null, PROCEDURE_SCHEMA nvarchar(128) null",
        "PROCEDURE_NAME nvarchar(134) null, PARAMETER_NAME nvarchar(128) null, ORDINAL_POSITION smallint null",
        "PARAMETER_TYPE smallint null, PARAMETER_HASDEFAULT tinyint null, PARAMETER_DEFAULT nvarchar(255) null",
        "IS_NULLABLE bit null, DATA_TYPE smallint null, CHARACTER_MAXIMUM_LENGTH int null",
        "CHARACTER_OCTET_LENGTH int null, NUMERIC_PRECISION smallint null, NUMERIC_SCALE smallint null",
        "DESCRIPTION nvarchar(255) null, TYPE_NAME nvarchar(128) null, LOCAL_TYPE_NAME nvarchar(128) null",
        "TYPE_CATALOG_NAME nvarchar(128) null, TYPE_SCHEMA_NAME nvarchar(128) null",
        "XML_CATALOGNAME nvarchar(128) null, XML_SCHEMANAME nvarchar(128) null",
        "XML_SCHEMACOLLECTIONNAME nvarchar(128) null, MANAGED_DATA_TYPE smallint null",
        "DATETIME_PRECISION smallint null",
    ]);
    none("sp_procedure_params_100_managed", &names, "", columns, params, session, sink)
}

fn none(
    procedure: &str,
    names: &[&str],
    qualifier: &str,
    columns: Columns,
    params: &[Param],
    session: &mut Session,
    sink: &mut dyn Sink,
) -> Outcome<i32> {
    let given = Arguments::bind(procedure, names, params)?;
    let (rows, collation) = read(session, |scope| {
        own_database(scope.database, given.text(qualifier).as_deref())?;
        Ok(Vec::new())
    })?;
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}
