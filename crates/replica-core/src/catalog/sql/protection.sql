-- What would change the values that a reader sees without a word: SQL Server 2016 and later.
-- can_unmask: 1 where this user sees masked columns as they are. UNMASK is a permission on the database, since SQL Server
-- 2022 on schemas, tables and columns as well (Microsoft docs, "Dynamic Data Masking"); HAS_PERMS_BY_NAME answers NULL
-- where there is no such permission on the class. A column that is computed from a masked one is masked, too (ibid.).
WITH masked AS (
    SELECT c.object_id AS object_id,
           c.name AS column_name,
           COALESCE(
               HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'UNMASK', c.name, 'COLUMN'),
               HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'UNMASK'),
               HAS_PERMS_BY_NAME(QUOTENAME(s.name), 'SCHEMA', 'UNMASK'),
               HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'UNMASK')
           ) AS can_unmask
    FROM sys.columns AS c
    JOIN sys.objects AS o ON o.object_id = c.object_id
    JOIN sys.schemas AS s ON s.schema_id = o.schema_id
    WHERE c.object_id = OBJECT_ID(@P1) AND c.is_masked = 1
)
SELECT m.column_name AS column_name, 1 AS is_masked, NULL AS encryption_type, m.can_unmask AS can_unmask
FROM masked AS m
UNION ALL
SELECT cc.name, 1, NULL, m.can_unmask
FROM masked AS m
JOIN sys.computed_columns AS cc ON cc.object_id = m.object_id
WHERE cc.definition IS NULL OR CHARINDEX(QUOTENAME(m.column_name), cc.definition) > 0
UNION ALL
SELECT c.name, 0, c.encryption_type, 0
FROM sys.columns AS c
WHERE c.object_id = OBJECT_ID(@P1) AND c.encryption_type IS NOT NULL
