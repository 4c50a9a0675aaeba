SELECT s.name AS schema_name
FROM sys.schemas AS s
