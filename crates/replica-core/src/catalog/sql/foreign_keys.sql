-- Foreign keys of this table and foreign keys of other tables that point at it.
-- can_alter is asked of the table that owns the key.
SELECT fk.name AS constraint_name,
       s.name AS schema_name,
       o.name AS table_name,
       CAST(CASE WHEN fk.parent_object_id = OBJECT_ID(@P1) THEN 1 ELSE 0 END AS int) AS is_own,
       CAST(CASE WHEN fk.referenced_object_id = OBJECT_ID(@P1) THEN 1 ELSE 0 END AS int) AS is_incoming,
       fk.is_disabled AS is_disabled,
       fk.is_not_trusted AS is_not_trusted,
       fk.delete_referential_action AS on_delete,
       fk.update_referential_action AS on_update,
       HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'ALTER') AS can_alter
FROM sys.foreign_keys AS fk
JOIN sys.objects AS o ON o.object_id = fk.parent_object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE fk.parent_object_id = OBJECT_ID(@P1) OR fk.referenced_object_id = OBJECT_ID(@P1)
ORDER BY s.name, o.name, fk.name
