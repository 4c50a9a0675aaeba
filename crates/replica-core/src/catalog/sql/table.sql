-- The object itself. No row: it does not exist, or this user may not see it.
-- The property functions answer NULL where a server is too old for the property.
SELECT o.object_id AS object_id,
       s.name AS schema_name,
       o.name AS table_name,
       RTRIM(o.type) AS object_type,
       CONVERT(varchar(33), o.create_date, 126) AS created,
       CAST(OBJECTPROPERTY(o.object_id, 'TableTemporalType') AS int) AS temporal_type,
       CAST(OBJECTPROPERTY(o.object_id, 'TableIsMemoryOptimized') AS int) AS is_memory_optimized,
       CAST(OBJECTPROPERTY(o.object_id, 'TableHasForeignRef') AS int) AS is_referenced,
       CAST(OBJECTPROPERTY(o.object_id, 'TableHasDeleteTrigger') AS int) AS has_delete_trigger,
       CAST(OBJECTPROPERTY(o.object_id, 'TableHasInsertTrigger') AS int) AS has_insert_trigger,
       HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'SELECT') AS can_select,
       HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'INSERT') AS can_insert,
       HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'DELETE') AS can_delete,
       HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'ALTER') AS can_alter
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.object_id = OBJECT_ID(@P1)
