ALTER TABLE replica.windows ADD range_number int NOT NULL CONSTRAINT DF_replica_windows_range DEFAULT 0,
    first_key nvarchar(max) NULL, next_key nvarchar(max) NULL;
ALTER TABLE replica.windows DROP CONSTRAINT PK_replica_windows;
ALTER TABLE replica.windows ADD CONSTRAINT PK_replica_windows
    PRIMARY KEY (schema_name, table_name, first_date, next_date, range_number);
UPDATE replica.ledger SET version = 2 WHERE version = 1;
