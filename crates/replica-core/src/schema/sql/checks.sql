SELECT k.parent_object_id AS table_id,
       k.name AS constraint_name,
       k.is_system_named AS is_system_named,
       k.definition AS definition,
       k.is_disabled AS is_disabled,
       k.is_not_trusted AS is_not_trusted
FROM sys.check_constraints AS k
WHERE k.parent_object_id IN ({tables})
ORDER BY k.parent_object_id, k.name
