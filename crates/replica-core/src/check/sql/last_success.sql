-- Hours since a table was last loaded, by windows or without any.
SELECT DATEDIFF(hour, MAX(done.loaded), SYSUTCDATETIME()) AS hours
FROM (SELECT MAX(w.completed) AS loaded
      FROM replica.windows AS w
      WHERE w.schema_name = @P1 AND w.table_name = @P2 AND w.state = 'complete'
      UNION ALL
      SELECT MAX(r.ended)
      FROM replica.runs AS r
      WHERE r.schema_name = @P1 AND r.table_name = @P2 AND r.outcome = 'ok') AS done
