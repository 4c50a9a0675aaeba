SELECT fk.parent_object_id AS child_id,
       fk.referenced_object_id AS parent_id
FROM sys.foreign_keys AS fk
