-- The objects, each under the place that its name has in the request. No row: there is none, or this user may not see it.
-- Without VIEW DEFINITION the texts of defaults, checks and computed columns are NULL (Microsoft docs, "Metadata
-- visibility configuration").
SELECT n.place AS place,
       o.object_id AS table_id,
       s.name AS schema_name,
       o.name AS table_name,
       RTRIM(o.type) AS object_type,
       CAST(OBJECTPROPERTY(o.object_id, 'TableTemporalType') AS int) AS temporal_type,
       CAST(OBJECTPROPERTY(o.object_id, 'TableIsMemoryOptimized') AS int) AS is_memory_optimized,
       CAST(OBJECTPROPERTY(o.object_id, 'TableHasActiveFulltextIndex') AS int) AS has_full_text,
       CAST(OBJECTPROPERTY(o.object_id, 'TableHasDeleteTrigger') AS int) AS has_delete_trigger,
       CAST(OBJECTPROPERTY(o.object_id, 'TableHasInsertTrigger') AS int) AS has_insert_trigger,
       CAST(OBJECTPROPERTY(o.object_id, 'TableHasUpdateTrigger') AS int) AS has_update_trigger,
       HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'VIEW DEFINITION') AS can_view_definition
FROM (VALUES {places}) AS n (place, name)
JOIN sys.objects AS o ON o.object_id = OBJECT_ID(n.name)
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
