-- The columns that windows may be cut by, and which of them an index begins with: 1 is the clustered one.
SELECT c.object_id AS table_id,
       c.name AS column_name,
       c.is_nullable AS is_nullable,
       (SELECT MIN(ic.index_id) FROM sys.index_columns AS ic
        WHERE ic.object_id = c.object_id AND ic.column_id = c.column_id AND ic.key_ordinal = 1) AS leads
FROM sys.columns AS c
JOIN sys.tables AS t ON t.object_id = c.object_id
JOIN sys.types AS ty ON ty.user_type_id = c.system_type_id
WHERE ty.name IN (N'date', N'datetime', N'datetime2', N'smalldatetime', N'datetimeoffset')
ORDER BY c.object_id, c.column_id
