CREATE TABLE replica.ledger (
    version int NOT NULL CONSTRAINT PK_replica_ledger PRIMARY KEY
);
CREATE TABLE replica.runs (
    run_id bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_replica_runs PRIMARY KEY,
    batch_id bigint NOT NULL,
    tool nvarchar(128) NOT NULL,
    schema_name nvarchar(128) NOT NULL,
    table_name nvarchar(128) NOT NULL,
    object_id int NOT NULL,
    source nvarchar(400) NOT NULL,
    host nvarchar(128) NULL,
    program nvarchar(128) NULL,
    login nvarchar(128) NULL,
    pid bigint NOT NULL,
    shared bit NOT NULL,
    phase varchar(10) NOT NULL CONSTRAINT CK_replica_runs_phase
        CHECK (phase IN ('copying', 'finishing', 'ended')),
    started datetime2(3) NOT NULL,
    lease_until datetime2(3) NOT NULL,
    ended datetime2(3) NULL,
    outcome varchar(20) NULL,
    windows_done int NOT NULL,
    windows_failed int NOT NULL,
    windows_skipped int NOT NULL,
    row_count bigint NOT NULL,
    byte_count bigint NOT NULL,
    retries int NOT NULL,
    disable_ms bigint NOT NULL,
    rebuild_ms bigint NOT NULL,
    error nvarchar(2000) NULL
);
CREATE TABLE replica.windows (
    schema_name nvarchar(128) NOT NULL,
    table_name nvarchar(128) NOT NULL,
    first_date date NOT NULL,
    next_date date NOT NULL,
    state varchar(10) NOT NULL CONSTRAINT CK_replica_windows_state
        CHECK (state IN ('pending', 'loading', 'complete', 'failed')),
    object_id int NOT NULL,
    date_column nvarchar(128) NOT NULL,
    fingerprint varchar(32) NOT NULL,
    source nvarchar(400) NOT NULL,
    batch_id bigint NOT NULL,
    run_id bigint NULL,
    host nvarchar(128) NULL,
    attempts int NOT NULL,
    estimated_rows bigint NOT NULL,
    row_count bigint NULL,
    byte_count bigint NULL,
    row_hash varchar(32) NULL,
    started datetime2(3) NULL,
    completed datetime2(3) NULL,
    delete_ms bigint NULL,
    load_ms bigint NULL,
    verify_ms bigint NULL,
    error nvarchar(2000) NULL,
    CONSTRAINT PK_replica_windows PRIMARY KEY (schema_name, table_name, first_date, next_date)
);
CREATE TABLE replica.disabled_indexes (
    schema_name nvarchar(128) NOT NULL,
    table_name nvarchar(128) NOT NULL,
    index_name nvarchar(128) NOT NULL,
    object_id int NOT NULL,
    run_id bigint NOT NULL,
    recorded datetime2(3) NOT NULL,
    rebuilding_run bigint NULL,
    CONSTRAINT PK_replica_disabled_indexes PRIMARY KEY (schema_name, table_name, index_name)
);
INSERT INTO replica.ledger (version) VALUES (1);
