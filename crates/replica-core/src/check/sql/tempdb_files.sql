SELECT f.file_id AS file_id,
       f.type AS file_type,
       f.name AS file_name,
       f.size AS size_pages,
       f.max_size AS max_size,
       f.growth AS growth,
       f.is_percent_growth AS is_percent_growth
FROM tempdb.sys.database_files AS f
WHERE f.type IN (0, 1)
ORDER BY f.file_id
