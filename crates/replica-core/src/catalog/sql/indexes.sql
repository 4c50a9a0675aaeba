-- index_id 0 is the heap, 1 the clustered index; type 0 heap, 1 clustered, 2 nonclustered, 3 xml, 4 spatial,
-- 5 clustered columnstore, 6 nonclustered columnstore, 7 hash. data_space_type PS: partitioned.
SELECT i.index_id AS index_id,
       i.name AS index_name,
       i.type AS index_type,
       i.is_unique AS is_unique,
       i.is_primary_key AS is_primary_key,
       i.is_unique_constraint AS is_unique_constraint,
       i.ignore_dup_key AS ignore_dup_key,
       i.is_disabled AS is_disabled,
       i.has_filter AS has_filter,
       RTRIM(ds.type) AS data_space_type
FROM sys.indexes AS i
LEFT JOIN sys.data_spaces AS ds ON ds.data_space_id = i.data_space_id
WHERE i.object_id = OBJECT_ID(@P1) AND i.is_hypothetical = 0
ORDER BY i.index_id
