-- What the current database allows, and when it was made. One row.
SELECT d.snapshot_isolation_state AS snapshot_isolation_state,
       d.is_read_committed_snapshot_on AS is_read_committed_snapshot_on,
       d.is_read_only AS is_read_only,
       CONVERT(varchar(33), d.create_date, 126) AS database_created,
       CONVERT(varchar(36), d.group_database_id) AS group_database_id
FROM sys.databases AS d
WHERE d.name = DB_NAME()
