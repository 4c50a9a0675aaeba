-- Every table that this user can see, to find those that a pattern means. All columns of sys.tables, and not those that
-- are wanted: temporal_type is of 2016, ledger_type of 2022, and to name one would be an error (207) before. A source may
-- be another source's target: the schema replica has our own ledger (docs/LEDGER.md).
SELECT s.name AS schema_name,
       CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128)) AS database_collation,
       t.*
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_ms_shipped = 0 AND s.name <> N'replica'
ORDER BY s.name, t.name
