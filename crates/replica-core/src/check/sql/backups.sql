SELECT TOP (5) r.session_id AS session_id,
       r.command AS command,
       CAST(r.percent_complete AS int) AS percent_complete
FROM sys.dm_exec_requests AS r
WHERE r.database_id = DB_ID()
  AND (r.command LIKE 'BACKUP%' OR r.command LIKE 'RESTORE%' OR r.command LIKE 'DBCC%' OR r.command LIKE 'ALTER INDEX%')
ORDER BY r.session_id
