-- What hides rows or values in the tables that a view reads, through other views as well: SQL Server 2016 and later.
-- what: filter, mask, or elsewhere: the name of another database, of which nothing is known here.
-- VIEW DEFINITION on the database and SELECT on sys.sql_expression_dependencies are needed, which only db_owner has by
-- itself (Microsoft docs, "sys.sql_expression_dependencies", Permissions).
WITH edges AS (
    SELECT DISTINCT d.referencing_id AS referencing_id, d.referenced_id AS referenced_id
    FROM sys.sql_expression_dependencies AS d
    WHERE d.referenced_id IS NOT NULL
), beneath AS (
    SELECT e.referenced_id AS object_id, 1 AS depth
    FROM edges AS e
    WHERE e.referencing_id = OBJECT_ID(@P1)
    UNION ALL
    SELECT e.referenced_id, b.depth + 1
    FROM beneath AS b
    JOIN edges AS e ON e.referencing_id = b.object_id
    WHERE b.depth < 32
), objects AS (
    SELECT DISTINCT b.object_id AS object_id, s.name AS schema_name, o.name AS table_name
    FROM beneath AS b
    JOIN sys.objects AS o ON o.object_id = b.object_id
    JOIN sys.schemas AS s ON s.schema_id = o.schema_id
), masked AS (
    SELECT o.object_id AS object_id, o.schema_name AS schema_name, o.table_name AS table_name, c.name AS column_name
    FROM objects AS o
    JOIN sys.columns AS c ON c.object_id = o.object_id AND c.is_masked = 1
    WHERE COALESCE(
              HAS_PERMS_BY_NAME(QUOTENAME(o.schema_name) + N'.' + QUOTENAME(o.table_name), 'OBJECT', 'UNMASK', c.name, 'COLUMN'),
              HAS_PERMS_BY_NAME(QUOTENAME(o.schema_name) + N'.' + QUOTENAME(o.table_name), 'OBJECT', 'UNMASK'),
              HAS_PERMS_BY_NAME(QUOTENAME(o.schema_name), 'SCHEMA', 'UNMASK'),
              HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'UNMASK'), 0) = 0
)
SELECT 'filter' AS what, o.schema_name AS schema_name, o.table_name AS table_name, p.name AS name
FROM objects AS o
JOIN sys.security_predicates AS sp ON sp.target_object_id = o.object_id AND sp.predicate_type = 0
JOIN sys.security_policies AS p ON p.object_id = sp.object_id AND p.is_enabled = 1
UNION ALL
SELECT 'mask', m.schema_name, m.table_name, m.column_name
FROM masked AS m
UNION ALL
SELECT 'mask', m.schema_name, m.table_name, cc.name
FROM masked AS m
JOIN sys.computed_columns AS cc ON cc.object_id = m.object_id
WHERE cc.definition IS NULL OR CHARINDEX(QUOTENAME(m.column_name), cc.definition) > 0
UNION ALL
SELECT 'elsewhere', NULL, NULL, d.referenced_database_name
FROM sys.sql_expression_dependencies AS d
WHERE d.referenced_database_name IS NOT NULL
  AND (d.referencing_id = OBJECT_ID(@P1) OR d.referencing_id IN (SELECT b.object_id FROM beneath AS b))
