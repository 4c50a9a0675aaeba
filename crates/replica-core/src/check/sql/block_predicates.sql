-- Security policies that refuse what is written: SQL Server 2016 and later.
SELECT DISTINCT p.name AS policy_name
FROM sys.security_predicates AS sp
JOIN sys.security_policies AS p ON p.object_id = sp.object_id
WHERE sp.target_object_id = OBJECT_ID(@P1) AND sp.predicate_type = 1 AND p.is_enabled = 1
