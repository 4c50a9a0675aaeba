-- definition is NULL for who may not see it: it needs VIEW DEFINITION (Microsoft docs, "sys.default_constraints").
SELECT d.parent_column_id AS column_id,
       d.definition AS definition
FROM sys.default_constraints AS d
WHERE d.parent_object_id = OBJECT_ID(@P1)
