CREATE TABLE replica.staging (
    schema_name nvarchar(128) NOT NULL,
    table_name nvarchar(128) NOT NULL,
    object_id int NOT NULL,
    target_schema nvarchar(128) NOT NULL,
    target_table nvarchar(128) NOT NULL,
    run_id bigint NOT NULL,
    recorded datetime2(3) NOT NULL,
    CONSTRAINT PK_replica_staging PRIMARY KEY (schema_name, table_name)
);
