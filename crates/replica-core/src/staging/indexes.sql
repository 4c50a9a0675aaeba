-- The indexes column by column, the heap as one without any.
SELECT i.index_id AS index_id,
       i.name AS index_name,
       i.type AS index_type,
       i.is_unique AS is_unique,
       i.is_primary_key AS is_primary_key,
       i.is_unique_constraint AS is_unique_constraint,
       i.is_disabled AS is_disabled,
       i.has_filter AS has_filter,
       RTRIM(ds.type) AS data_space_type,
       ic.column_id AS column_id,
       ic.key_ordinal AS key_ordinal,
       ic.is_descending_key AS is_descending_key,
       ic.is_included_column AS is_included_column
FROM sys.indexes AS i
LEFT JOIN sys.data_spaces AS ds ON ds.data_space_id = i.data_space_id
LEFT JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
WHERE i.object_id = OBJECT_ID(@P1) AND i.is_hypothetical = 0
ORDER BY i.index_id, ic.is_included_column, ic.key_ordinal, ic.index_column_id
