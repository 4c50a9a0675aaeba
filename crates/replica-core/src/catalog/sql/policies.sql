-- Row-level security that filters what is read: SQL Server 2016 and later.
SELECT p.name AS policy_name
FROM sys.security_predicates AS sp
JOIN sys.security_policies AS p ON p.object_id = sp.object_id
WHERE sp.target_object_id = OBJECT_ID(@P1) AND sp.predicate_type = 0 AND p.is_enabled = 1
ORDER BY p.name
