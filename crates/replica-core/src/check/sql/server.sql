-- Who the server is, and who we are to it. One row, of functions alone, which need no permission.
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version,
       CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition,
       CAST(SERVERPROPERTY('Babelfish') AS int) AS is_babelfish,
       SUSER_SNAME() AS login_name,
       USER_NAME() AS user_name
