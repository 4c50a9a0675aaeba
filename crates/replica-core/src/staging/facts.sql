-- What SWITCH minds of a table that its definition does not say.
SELECT (SELECT COUNT(*) FROM sys.change_tracking_tables AS ct WHERE ct.object_id = t.object_id) AS tracked,
       (SELECT MAX(p.partition_number) FROM sys.partitions AS p WHERE p.object_id = t.object_id AND p.index_id IN (0, 1)) AS partitions,
       (SELECT COUNT(*) FROM sys.partitions AS p JOIN sys.partitions AS q ON q.object_id = p.object_id AND q.index_id = p.index_id
        WHERE p.object_id = t.object_id AND p.data_compression < q.data_compression) AS mixed_compression,
       (SELECT COUNT(*) FROM sys.data_spaces AS ds WHERE ds.data_space_id = t.lob_data_space_id AND ds.is_default = 0) AS lob_elsewhere,
       t.is_merge_published AS is_merge_published
FROM sys.tables AS t
WHERE t.object_id = OBJECT_ID(@P1)
