-- Every table of the database that this user may see, with the server's estimates of its rows and bytes. All columns of the
-- view, since older versions lack some of those that tell what kind of table it is.
SELECT t.*,
       t.object_id AS table_id,
       s.name AS schema_name,
       t.name AS table_name,
       (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = t.object_id AND p.index_id IN (0, 1)) AS row_count,
       (SELECT SUM(a.total_pages) FROM sys.partitions AS p
        JOIN sys.allocation_units AS a ON a.container_id = p.partition_id
        WHERE p.object_id = t.object_id) AS pages
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_ms_shipped = 0
ORDER BY s.name, t.name
