SELECT d.parent_object_id AS table_id,
       d.parent_column_id AS column_id,
       d.name AS constraint_name,
       d.is_system_named AS is_system_named,
       d.definition AS definition
FROM sys.default_constraints AS d
WHERE d.parent_object_id IN ({tables})
