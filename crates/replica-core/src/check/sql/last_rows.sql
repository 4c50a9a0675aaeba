-- The most rows that a run of the last month without windows has loaded, if there is a ledger. A run may have been one of
-- some days of the table; the most is all of it. replicate-changes loads what has changed alone.
IF OBJECT_ID(N'replica.runs') IS NOT NULL
    SELECT MAX(r.row_count) AS row_count
    FROM replica.runs AS r
    WHERE r.schema_name = @P1 AND r.table_name = @P2 AND r.outcome = 'ok' AND r.windows_done = 0
        AND r.tool <> 'replicate-changes'
        AND r.ended > DATEADD(day, -31, SYSUTCDATETIME())
