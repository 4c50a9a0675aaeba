-- A row for each pair of columns, of the tables' own keys and of those that point at them.
-- referenced_table is NULL where this user may not see the table.
SELECT fk.parent_object_id AS table_id,
       fk.referenced_object_id AS referenced_id,
       fk.object_id AS key_id,
       fk.name AS constraint_name,
       fk.is_system_named AS is_system_named,
       fk.is_disabled AS is_disabled,
       fk.is_not_trusted AS is_not_trusted,
       fk.delete_referential_action AS on_delete,
       fk.update_referential_action AS on_update,
       ps.name AS schema_name,
       po.name AS table_name,
       rs.name AS referenced_schema,
       ro.name AS referenced_table,
       pc.name AS column_name,
       rc.name AS referenced_column
FROM sys.foreign_keys AS fk
JOIN sys.foreign_key_columns AS fc ON fc.constraint_object_id = fk.object_id
LEFT JOIN sys.objects AS po ON po.object_id = fk.parent_object_id
LEFT JOIN sys.schemas AS ps ON ps.schema_id = po.schema_id
LEFT JOIN sys.objects AS ro ON ro.object_id = fk.referenced_object_id
LEFT JOIN sys.schemas AS rs ON rs.schema_id = ro.schema_id
LEFT JOIN sys.columns AS pc ON pc.object_id = fc.parent_object_id AND pc.column_id = fc.parent_column_id
LEFT JOIN sys.columns AS rc ON rc.object_id = fc.referenced_object_id AND rc.column_id = fc.referenced_column_id
WHERE fk.parent_object_id IN ({tables}) OR fk.referenced_object_id IN ({tables})
ORDER BY fk.object_id, fc.constraint_column_id
