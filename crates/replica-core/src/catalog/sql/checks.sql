SELECT k.name AS constraint_name,
       k.is_disabled AS is_disabled,
       k.is_not_trusted AS is_not_trusted
FROM sys.check_constraints AS k
WHERE k.parent_object_id = OBJECT_ID(@P1)
ORDER BY k.name
