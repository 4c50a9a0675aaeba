-- What a synonym stands for: up to four parts, as they were written.
SELECT sn.base_object_name AS base_object_name
FROM sys.synonyms AS sn
WHERE sn.object_id = OBJECT_ID(@P1)
