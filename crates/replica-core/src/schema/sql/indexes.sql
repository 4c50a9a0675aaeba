-- index_id 0 is the heap, 1 the clustered index. is_default: the data space is the database's default filegroup.
SELECT i.object_id AS table_id,
       i.index_id AS index_id,
       i.name AS index_name,
       i.type AS index_type,
       i.type_desc AS index_type_name,
       i.is_unique AS is_unique,
       i.is_primary_key AS is_primary_key,
       i.is_unique_constraint AS is_unique_constraint,
       i.ignore_dup_key AS ignore_dup_key,
       i.is_disabled AS is_disabled,
       i.has_filter AS has_filter,
       i.filter_definition AS filter_definition,
       i.fill_factor AS fill_factor,
       i.is_padded AS is_padded,
       k.is_system_named AS is_system_named,
       ds.name AS space_name,
       RTRIM(ds.type) AS space_type,
       ds.is_default AS is_default
FROM sys.indexes AS i
LEFT JOIN sys.key_constraints AS k ON k.parent_object_id = i.object_id AND k.unique_index_id = i.index_id
LEFT JOIN sys.data_spaces AS ds ON ds.data_space_id = i.data_space_id
WHERE i.object_id IN ({tables}) AND i.is_hypothetical = 0
ORDER BY i.object_id, i.index_id
