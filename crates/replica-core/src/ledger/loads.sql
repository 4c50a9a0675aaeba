CREATE TABLE replica.loads (
    schema_name nvarchar(128) NOT NULL,
    table_name nvarchar(128) NOT NULL,
    object_id int NOT NULL,
    source nvarchar(400) NOT NULL,
    tool nvarchar(128) NOT NULL,
    ended datetime2(3) NOT NULL,
    row_count bigint NOT NULL,
    changed_rows bigint NOT NULL,
    row_hash varchar(32) NULL,
    CONSTRAINT PK_replica_loads PRIMARY KEY (schema_name, table_name)
);
