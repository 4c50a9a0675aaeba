//! System procedures that are a query of the catalog: SqlClient's `GetSchema` calls them. They are undocumented; their
//! columns are those of its schema collections (Microsoft docs, "SQL Server schema collections").

/// A procedure written in T-SQL.
pub struct Script {
    pub name: &'static str,
    pub parameters: &'static [&'static str],
    pub body: &'static str,
}

/// The procedure of that name, in lower case.
pub fn find(name: &str) -> Option<&'static Script> {
    SCRIPTS.iter().find(|script| script.name == name)
}

const SCRIPTS: &[Script] = &[
    // @SchemaType: 0 columns, 1 sparse ones of column sets as well, 2 those alone. There are no column sets here.
    Script {
        name: "sp_columns_managed",
        parameters: &["@Catalog", "@Owner", "@Table", "@Column", "@SchemaType"],
        body: "SELECT TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_DEFAULT, IS_NULLABLE, \
               DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_PRECISION_RADIX, \
               NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_CATALOG, CHARACTER_SET_SCHEMA, CHARACTER_SET_NAME, \
               COLLATION_CATALOG, 'NO' AS IS_FILESTREAM, CASE COLUMNPROPERTY(OBJECT_ID(QUOTENAME(TABLE_SCHEMA) + '.' + \
               QUOTENAME(TABLE_NAME)), COLUMN_NAME, 'IsSparse') WHEN 1 THEN 'YES' ELSE 'NO' END AS IS_SPARSE, \
               'NO' AS IS_COLUMN_SET FROM INFORMATION_SCHEMA.COLUMNS \
               WHERE (@Catalog IS NULL OR TABLE_CATALOG = @Catalog) AND (@Owner IS NULL OR TABLE_SCHEMA = @Owner) \
               AND (@Table IS NULL OR TABLE_NAME = @Table) AND (@Column IS NULL OR COLUMN_NAME = @Column) \
               AND (@SchemaType IS NULL OR @SchemaType <> 2) \
               ORDER BY TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
    },
    Script {
        name: "sp_indexes_managed",
        parameters: &["@Catalog", "@Owner", "@Table", "@Name"],
        body: "SELECT DB_NAME() AS constraint_catalog, s.name AS constraint_schema, i.name AS constraint_name, \
               DB_NAME() AS table_catalog, s.name AS table_schema, o.name AS table_name, i.name AS index_name, i.type_desc \
               FROM sys.indexes AS i JOIN sys.objects AS o ON o.object_id = i.object_id \
               JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
               WHERE i.index_id > 0 AND (@Catalog IS NULL OR DB_NAME() = @Catalog) AND (@Owner IS NULL OR s.name = @Owner) \
               AND (@Table IS NULL OR o.name = @Table) AND (@Name IS NULL OR i.name = @Name) \
               ORDER BY s.name, o.name, i.name",
    },
    Script {
        name: "sp_indexcolumns_managed",
        parameters: &["@Catalog", "@Owner", "@Table", "@ConstraintName", "@Column"],
        body: "SELECT DB_NAME() AS constraint_catalog, s.name AS constraint_schema, i.name AS constraint_name, \
               DB_NAME() AS table_catalog, s.name AS table_schema, o.name AS table_name, c.name AS column_name, \
               CONVERT(int, k.key_ordinal) AS ordinal_position, c.system_type_id AS KeyType, i.name AS index_name \
               FROM sys.indexes AS i JOIN sys.objects AS o ON o.object_id = i.object_id \
               JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
               JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id \
               JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id \
               WHERE i.index_id > 0 AND (@Catalog IS NULL OR DB_NAME() = @Catalog) AND (@Owner IS NULL OR s.name = @Owner) \
               AND (@Table IS NULL OR o.name = @Table) AND (@ConstraintName IS NULL OR i.name = @ConstraintName) \
               AND (@Column IS NULL OR c.name = @Column) ORDER BY s.name, o.name, i.name, k.index_column_id",
    },
];
