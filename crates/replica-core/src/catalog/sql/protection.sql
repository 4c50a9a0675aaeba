-- What would change the values or the rows that a reader sees without a word: SQL Server 2016 and later.
-- can_unmask: 1 where this user sees masked columns as they are.
SELECT c.name AS column_name,
       c.is_masked AS is_masked,
       c.encryption_type AS encryption_type,
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'UNMASK') AS can_unmask
FROM sys.columns AS c
WHERE c.object_id = OBJECT_ID(@P1) AND (c.is_masked = 1 OR c.encryption_type IS NOT NULL)
ORDER BY c.column_id
