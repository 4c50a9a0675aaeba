-- What the login may do about the ledger. NULL: there is no such schema, or no such right.
SELECT CASE WHEN SCHEMA_ID(N'replica') IS NULL THEN 0 ELSE 1 END AS has_schema,
       CASE WHEN OBJECT_ID(N'replica.ledger') IS NULL THEN 0 ELSE 1 END AS has_ledger,
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'CREATE TABLE') AS can_create_table,
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'CREATE SCHEMA') AS can_create_schema,
       HAS_PERMS_BY_NAME(N'replica', 'SCHEMA', 'ALTER') AS can_alter,
       HAS_PERMS_BY_NAME(N'replica', 'SCHEMA', 'SELECT') AS can_select,
       HAS_PERMS_BY_NAME(N'replica', 'SCHEMA', 'INSERT') AS can_insert,
       HAS_PERMS_BY_NAME(N'replica', 'SCHEMA', 'UPDATE') AS can_update,
       HAS_PERMS_BY_NAME(N'replica', 'SCHEMA', 'DELETE') AS can_delete
