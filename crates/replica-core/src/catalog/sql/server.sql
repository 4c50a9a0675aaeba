-- Who the server is, and which database this is. One row, of functions alone, which need no permission.
-- SERVERPROPERTY answers NULL where it does not know the property.
SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name,
       CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version,
       CAST(SERVERPROPERTY('Babelfish') AS int) AS is_babelfish,
       DB_NAME() AS database_name,
       USER_NAME() AS user_name,
       CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128)) AS database_collation
