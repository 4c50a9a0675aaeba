-- Transactions of sessions in this database that are open for half an hour or more.
SELECT TOP (5) s.session_id AS session_id,
       s.login_name AS login_name,
       s.host_name AS host_name,
       s.program_name AS program_name,
       DATEDIFF(minute, t.transaction_begin_time, GETDATE()) AS minutes
FROM sys.dm_tran_active_transactions AS t
JOIN sys.dm_tran_session_transactions AS st ON st.transaction_id = t.transaction_id
JOIN sys.dm_exec_sessions AS s ON s.session_id = st.session_id
WHERE s.database_id = DB_ID() AND t.transaction_begin_time < DATEADD(minute, -30, GETDATE()) AND s.session_id <> @@SPID
ORDER BY t.transaction_begin_time
