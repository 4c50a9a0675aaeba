-- Statistics that users made: they stand in the way of a column's other type (Microsoft docs, "ALTER TABLE", ALTER COLUMN).
SELECT s.object_id AS table_id,
       s.stats_id AS stats_id,
       s.name AS statistics_name,
       s.has_filter AS has_filter,
       s.filter_definition AS filter_definition,
       s.no_recompute AS no_recompute,
       sc.column_id AS column_id
FROM sys.stats AS s
JOIN sys.stats_columns AS sc ON sc.object_id = s.object_id AND sc.stats_id = s.stats_id
WHERE s.object_id IN ({tables}) AND s.user_created = 1
ORDER BY s.object_id, s.stats_id, sc.stats_column_id
