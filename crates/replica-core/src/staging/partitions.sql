-- Filegroup and compression of each partition of each index.
SELECT p.index_id AS index_id,
       p.partition_number AS partition_number,
       p.data_compression_desc AS compression,
       fg.name AS filegroup_name
FROM sys.partitions AS p
JOIN sys.indexes AS i ON i.object_id = p.object_id AND i.index_id = p.index_id
JOIN sys.destination_data_spaces AS dds ON dds.partition_scheme_id = i.data_space_id AND dds.destination_id = p.partition_number
JOIN sys.data_spaces AS fg ON fg.data_space_id = dds.data_space_id
WHERE p.object_id = OBJECT_ID(@P1)
ORDER BY p.index_id, p.partition_number
