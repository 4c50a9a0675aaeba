-- type_name is the column's own type, base_name the system type under an alias type (NULL for CLR types).
SELECT c.column_id AS column_id,
       c.name AS column_name,
       t.name AS type_name,
       b.name AS base_name,
       t.is_user_defined AS is_user_defined,
       t.is_assembly_type AS is_assembly_type,
       c.max_length AS max_length,
       c.precision AS precision,
       c.scale AS scale,
       c.collation_name AS collation_name,
       CAST(COLLATIONPROPERTY(c.collation_name, 'CodePage') AS int) AS code_page,
       c.is_nullable AS is_nullable,
       c.is_identity AS is_identity,
       c.is_computed AS is_computed,
       c.is_column_set AS is_column_set,
       CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS int) AS has_default,
       COLUMNPROPERTY(c.object_id, c.name, 'GeneratedAlwaysType') AS generated_always
FROM sys.columns AS c
LEFT JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
-- A column that was dropped from a ledger table (2022) stays under another name (Microsoft docs, sys.columns,
-- is_dropped_ledger_column).
WHERE c.object_id = OBJECT_ID(@P1) AND c.name NOT LIKE N'MSSQL[_]DroppedLedgerColumn[_]%'
ORDER BY c.column_id
