-- Runs that have not ended, and whose lease is over. A later run on the table ends them on record.
SELECT TOP (20) r.run_id AS run_id,
       r.schema_name AS schema_name,
       r.table_name AS table_name,
       r.tool AS tool,
       r.host AS host,
       r.pid AS pid,
       CONVERT(varchar(19), r.lease_until, 126) AS lease_until
FROM replica.runs AS r
WHERE r.ended IS NULL AND r.lease_until < SYSUTCDATETIME()
ORDER BY r.run_id DESC
