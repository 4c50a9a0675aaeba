SELECT i.object_id AS table_id,
       i.column_id AS column_id,
       CAST(CAST(i.seed_value AS numeric(38, 0)) AS varchar(40)) AS seed,
       CAST(CAST(i.increment_value AS numeric(38, 0)) AS varchar(40)) AS increment
FROM sys.identity_columns AS i
WHERE i.object_id IN ({tables})
