-- Pages of the rows themselves, without nonclustered indexes; no right is needed.
SELECT SUM(a.total_pages) * 8192 AS bytes
FROM sys.partitions AS p
JOIN sys.allocation_units AS a ON a.container_id = p.partition_id
WHERE p.object_id = OBJECT_ID(@P1) AND p.index_id IN (0, 1)
