CREATE TABLE replica.versions (
    schema_name nvarchar(128) NOT NULL,
    table_name nvarchar(128) NOT NULL,
    object_id int NOT NULL,
    fingerprint varchar(32) NOT NULL,
    source nvarchar(400) NOT NULL,
    source_id int NOT NULL,
    source_modified varchar(30) NOT NULL,
    fork varchar(36) NULL,
    method varchar(20) NOT NULL CONSTRAINT CK_replica_versions_method
        CHECK (method IN ('change-tracking', 'rowversion')),
    tracked_since bigint NULL,
    source_rows bigint NULL,
    version bigint NOT NULL,
    as_of datetime2(3) NOT NULL,
    deletes_as_of datetime2(3) NULL,
    recorded datetime2(3) NOT NULL,
    host nvarchar(128) NULL,
    pid bigint NOT NULL,
    CONSTRAINT PK_replica_versions PRIMARY KEY (schema_name, table_name)
);
