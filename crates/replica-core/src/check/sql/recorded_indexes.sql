-- Indexes on record as disabled that no run which is alive has disabled or rebuilds.
SELECT TOP (20) d.schema_name AS schema_name,
       d.table_name AS table_name,
       d.index_name AS index_name
FROM replica.disabled_indexes AS d
WHERE NOT EXISTS (SELECT 1 FROM replica.runs AS r
                  WHERE (r.run_id = d.run_id OR r.run_id = d.rebuilding_run)
                    AND r.ended IS NULL AND r.lease_until > SYSUTCDATETIME())
ORDER BY d.schema_name, d.table_name, d.index_name
