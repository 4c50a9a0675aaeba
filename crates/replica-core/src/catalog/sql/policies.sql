-- Row-level security that filters what is read: SQL Server 2016 and later. One row at least.
-- The policies that this user may not see are missing, and nothing says so: all are seen by who has ALTER ANY SECURITY
-- POLICY, or VIEW DEFINITION (Microsoft docs, "sys.security_predicates", Permissions).
SELECT p.name AS policy_name,
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'VIEW DEFINITION') AS can_view_definitions,
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'ALTER ANY SECURITY POLICY') AS can_alter_policies
FROM (SELECT 1 AS one) AS one
LEFT JOIN sys.security_predicates AS sp ON sp.target_object_id = OBJECT_ID(@P1) AND sp.predicate_type = 0
LEFT JOIN sys.security_policies AS p ON p.object_id = sp.object_id AND p.is_enabled = 1
ORDER BY p.name
