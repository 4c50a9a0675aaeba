SELECT c.object_id AS table_id,
       c.column_id AS column_id,
       c.definition AS definition,
       c.is_persisted AS is_persisted
FROM sys.computed_columns AS c
WHERE c.object_id IN ({tables})
