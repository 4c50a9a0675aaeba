-- What the server and the database can do. One row, of functions alone, which need no permission.
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version,
       CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition,
       CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128)) AS database_collation,
       USER_NAME() AS user_name,
       SCHEMA_NAME() AS default_schema
