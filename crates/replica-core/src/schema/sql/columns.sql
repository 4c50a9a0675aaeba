-- All of the view's columns, for the same reason: is_masked and encryption_type are of 2016, is_dropped_ledger_column of
-- 2022. type_name is the column's own type, base_name the system type under an alias type (NULL for CLR types).
SELECT c.*,
       t.name AS type_name,
       b.name AS base_name,
       t.is_user_defined AS is_user_defined,
       t.is_assembly_type AS is_assembly_type
FROM sys.columns AS c
LEFT JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE c.object_id IN ({tables})
ORDER BY c.object_id, c.column_id
