-- The files of the database, whether rows (0) or log (1), in pages of 8 KB, and what is used of them, which FILEPROPERTY
-- tells of the current database alone.
SELECT f.file_id AS file_id,
       f.type AS file_type,
       f.name AS file_name,
       f.size AS size_pages,
       f.max_size AS max_size,
       f.growth AS growth,
       f.is_percent_growth AS is_percent_growth,
       CAST(FILEPROPERTY(f.name, 'SpaceUsed') AS bigint) * 8192 AS used_bytes
FROM sys.database_files AS f
WHERE f.type IN (0, 1)
ORDER BY f.file_id
