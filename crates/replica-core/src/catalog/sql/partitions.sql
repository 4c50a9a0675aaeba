-- The table's own rows: those of its heap or clustered index. The counts are the server's estimate.
SELECT p.partition_number AS partition_number,
       p.rows AS row_count
FROM sys.partitions AS p
WHERE p.object_id = OBJECT_ID(@P1) AND p.index_id IN (0, 1)
ORDER BY p.partition_number
