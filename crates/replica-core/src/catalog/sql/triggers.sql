SELECT tr.name AS trigger_name,
       tr.is_disabled AS is_disabled,
       tr.is_instead_of_trigger AS is_instead_of,
       te.type_desc AS event
FROM sys.triggers AS tr
JOIN sys.trigger_events AS te ON te.object_id = tr.object_id
WHERE tr.parent_id = OBJECT_ID(@P1)
ORDER BY tr.name, te.type_desc
