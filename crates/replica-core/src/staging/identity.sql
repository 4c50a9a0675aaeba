-- Where the identity column begins, and how it goes on.
SELECT TRY_CAST(CAST(seed_value AS decimal(38,0)) AS bigint) AS seed,
       TRY_CAST(CAST(increment_value AS decimal(38,0)) AS bigint) AS increment
FROM sys.identity_columns
WHERE object_id = OBJECT_ID(@P1)
