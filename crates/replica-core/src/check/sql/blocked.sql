-- Who waits in this database, and for whom.
SELECT TOP (5) r.session_id AS waiting_session,
       r.wait_type AS wait_type,
       r.wait_time / 1000 AS wait_seconds,
       r.blocking_session_id AS session_id,
       s.login_name AS login_name,
       s.host_name AS host_name,
       s.program_name AS program_name
FROM sys.dm_exec_requests AS r
LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = r.blocking_session_id
WHERE r.database_id = DB_ID() AND r.blocking_session_id <> 0
ORDER BY r.wait_time DESC
