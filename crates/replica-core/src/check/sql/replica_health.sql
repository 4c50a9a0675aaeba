-- All columns, and not those that are wanted: secondary_lag_seconds came with SQL Server 2016. No row: the database is in no
-- availability group.
SELECT r.*
FROM sys.dm_hadr_database_replica_states AS r
WHERE r.database_id = DB_ID()
