-- How old the newest statistics are that begin with a column. NULL: there are none.
SELECT DATEDIFF(day, MAX(STATS_DATE(s.object_id, s.stats_id)), GETDATE()) AS days
FROM sys.stats AS s
JOIN sys.stats_columns AS sc ON sc.object_id = s.object_id AND sc.stats_id = s.stats_id
WHERE s.object_id = OBJECT_ID(@P1) AND sc.stats_column_id = 1 AND COL_NAME(sc.object_id, sc.column_id) = @P2
