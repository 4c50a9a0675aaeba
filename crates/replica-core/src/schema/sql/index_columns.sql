SELECT ic.object_id AS table_id,
       ic.index_id AS index_id,
       ic.column_id AS column_id,
       ic.key_ordinal AS key_ordinal,
       ic.is_descending_key AS is_descending_key,
       ic.is_included_column AS is_included_column,
       ic.partition_ordinal AS partition_ordinal
FROM sys.index_columns AS ic
WHERE ic.object_id IN ({tables})
ORDER BY ic.object_id, ic.index_id, ic.key_ordinal, ic.index_column_id
