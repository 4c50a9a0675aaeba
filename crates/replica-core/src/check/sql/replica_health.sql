-- secondary_lag_seconds came with SQL Server 2016. No row: the database is in no availability group.
SELECT r.is_suspended AS is_suspended,
       r.redo_queue_size AS redo_queue_size,
       r.secondary_lag_seconds AS secondary_lag_seconds
FROM sys.dm_hadr_database_replica_states AS r
WHERE r.database_id = DB_ID()
