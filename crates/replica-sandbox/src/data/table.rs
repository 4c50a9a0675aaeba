//! A table as its CREATE TABLE text describes it.
use crate::engine::ast::{ColumnDef, ColumnKind, Ddl};
use crate::engine::tokens::SourceText;
use crate::engine::type_name::TypePlace;
use crate::error::SqlError;
use crate::values::{CollationId, Len, SqlType};
use sandbox_sql::ddl::parse;

/// A table with what loading it takes.
#[derive(Clone, Debug)]
pub struct TableSpec {
    pub schema: String,
    pub name: String,
    /// The CREATE TABLE statement.
    pub ddl: String,
    /// In declared order, with those that no load can fill.
    pub columns: Vec<ColumnSpec>,
}

#[derive(Clone, Debug)]
pub struct ColumnSpec {
    pub name: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    /// What COLLATE says; the database's collation otherwise.
    pub collate: Option<String>,
}

impl ColumnSpec {
    /// rowversion columns fill themselves (273).
    pub fn is_loaded(&self) -> bool {
        self.sql_type != SqlType::RowVersion
    }

    /// The type that INSERT BULK declares: XML and CLR types travel as nvarchar(max) and varbinary(max)
    /// (docs/WIRE.md, "From a result's row to a bulk row").
    pub fn bulk_type(&self) -> SqlType {
        match &self.sql_type {
            SqlType::Xml => SqlType::NVarChar(Len::Max, CollationId::SERVER_DEFAULT),
            clr if clr.is_clr() => SqlType::VarBinary(Len::Max),
            other => other.clone(),
        }
    }
}

impl TableSpec {
    /// The tables of a script of CREATE TABLE statements, in a database of this collation.
    ///
    /// # Errors
    /// What parsing and resolving the statements says; 102 for any other statement.
    pub fn parse_all(script: &str, collation: CollationId) -> Result<Vec<TableSpec>, SqlError> {
        let source = SourceText::new(script)?;
        let mut cursor = source.cursor();
        let mut tables = Vec::new();
        while !cursor.is_done() {
            let from = cursor.position();
            let Some(Ddl::CreateTable(table)) = parse(&mut cursor)? else {
                return Err(cursor.syntax_error());
            };
            let columns =
                table.columns.iter().enumerate().map(|(index, def)| column(index + 1, def, collation));
            tables.push(TableSpec {
                schema: table.name.schema.clone().unwrap_or_else(|| "dbo".to_owned()),
                name: table.name.name.clone(),
                ddl: cursor.text(from, cursor.position()).to_owned(),
                columns: columns.collect::<Result<_, _>>()?,
            });
        }
        Ok(tables)
    }

    /// The INSERT BULK statement that announces a load of all columns that can be loaded.
    pub fn insert_bulk(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .filter(|column| column.is_loaded())
            .map(|column| {
                let collate =
                    column.collate.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
                format!("[{}] {}{collate}", column.name, column.bulk_type())
            })
            .collect();
        format!(
            "INSERT BULK [{}].[{}] ({}) WITH (TABLOCK, KEEP_NULLS)",
            self.schema,
            self.name,
            columns.join(", ")
        )
    }
}

fn column(ordinal: usize, def: &ColumnDef, database: CollationId) -> Result<ColumnSpec, SqlError> {
    let ColumnKind::Typed(type_name) = &def.kind else {
        let text = format!("Column '{}' is computed, which sample tables do not have.", def.name);
        return Err(SqlError::new(50000, 16, 1, text));
    };
    let collation = def.collation.as_deref().map_or(Ok(database), CollationId::by_name)?;
    let resolved = type_name.resolve(&TypePlace { ordinal, name: &def.name, length: 1, collation })?;
    Ok(ColumnSpec {
        name: def.name.clone(),
        sql_type: resolved.sql_type,
        nullable: def.nullable.unwrap_or(def.identity.is_none()),
        collate: def.collation.clone(),
    })
}
