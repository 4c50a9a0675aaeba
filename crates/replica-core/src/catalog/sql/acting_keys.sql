-- Every enabled foreign key of the database that does not merely refuse: its action deletes or changes rows of the table
-- that has it. table_rows is the server's estimate.
SELECT fk.name AS constraint_name,
       fk.parent_object_id AS table_id,
       fk.referenced_object_id AS referenced_id,
       s.name AS schema_name,
       o.name AS table_name,
       fk.delete_referential_action AS on_delete,
       fk.update_referential_action AS on_update,
       (SELECT SUM(p.rows) FROM sys.partitions AS p
        WHERE p.object_id = fk.parent_object_id AND p.index_id IN (0, 1)) AS table_rows
FROM sys.foreign_keys AS fk
JOIN sys.objects AS o ON o.object_id = fk.parent_object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE fk.is_disabled = 0 AND (fk.delete_referential_action <> 0 OR fk.update_referential_action <> 0)
ORDER BY s.name, o.name, fk.name
