-- May we see what others do? NULL is a name that the server does not know (Microsoft docs, "HAS_PERMS_BY_NAME"): those with
-- PERFORMANCE came with SQL Server 2022.
SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE') AS server_performance_state,
       HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS server_state,
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'VIEW DATABASE PERFORMANCE STATE') AS database_performance_state,
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'VIEW DATABASE STATE') AS database_state
