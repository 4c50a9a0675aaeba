-- How the partitions of each index are compressed, and the server's estimate of their rows.
SELECT p.object_id AS table_id,
       p.index_id AS index_id,
       MIN(p.data_compression) AS least_compression,
       MAX(p.data_compression) AS compression,
       SUM(p.rows) AS row_count
FROM sys.partitions AS p
WHERE p.object_id IN ({tables})
GROUP BY p.object_id, p.index_id
