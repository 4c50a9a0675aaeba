-- Every table and view that this user can see, to suggest a near name for a mistyped one.
SELECT s.name AS schema_name,
       o.name AS table_name
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
ORDER BY s.name, o.name
