-- Views with an index of their own that read the table. Not everybody may ask (Microsoft docs,
-- "sys.sql_expression_dependencies", Permissions).
SELECT OBJECT_SCHEMA_NAME(d.referencing_id) AS schema_name, OBJECT_NAME(d.referencing_id) AS view_name
FROM sys.sql_expression_dependencies AS d
JOIN sys.objects AS v ON v.object_id = d.referencing_id AND v.type = 'V'
JOIN sys.indexes AS i ON i.object_id = v.object_id AND i.index_id = 1
WHERE d.referenced_id = OBJECT_ID(@P1)
