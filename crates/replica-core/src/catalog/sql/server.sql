-- Who the server is and what its current database allows. One row.
-- SERVERPROPERTY answers NULL where it does not know the property.
SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name,
       CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version,
       CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition,
       CAST(SERVERPROPERTY('Babelfish') AS int) AS is_babelfish,
       DB_NAME() AS database_name,
       USER_NAME() AS user_name,
       CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128)) AS database_collation,
       d.snapshot_isolation_state AS snapshot_isolation_state,
       d.is_read_committed_snapshot_on AS is_read_committed_snapshot_on,
       d.is_read_only AS is_read_only,
       CONVERT(varchar(33), d.create_date, 126) AS database_created
FROM sys.databases AS d
WHERE d.name = DB_NAME()
