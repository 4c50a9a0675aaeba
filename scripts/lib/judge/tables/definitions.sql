-- Every form of key, index, check, default and foreign key, and names of all sorts.
CREATE SCHEMA [a]]b.c]
GO
CREATE SCHEMA keys
GO
CREATE TABLE keys.heap (a int NOT NULL, b int NULL)
CREATE TABLE keys.heap_compressed (a int NOT NULL, b int NULL) WITH (DATA_COMPRESSION = PAGE)
CREATE TABLE keys.pk_clustered (a int NOT NULL CONSTRAINT KP_clustered PRIMARY KEY CLUSTERED)
CREATE TABLE keys.pk_nonclustered (a int NOT NULL CONSTRAINT KP_nonclustered PRIMARY KEY NONCLUSTERED, b int NOT NULL)
CREATE CLUSTERED INDEX cx ON keys.pk_nonclustered (b DESC, a)
CREATE TABLE keys.pk_unnamed (a int NOT NULL PRIMARY KEY, b int NULL UNIQUE, c int NULL, UNIQUE (c, b))
CREATE TABLE keys.pk_composite (a int NOT NULL, b nvarchar(20) NOT NULL, c date NOT NULL, CONSTRAINT KP_composite PRIMARY KEY (c DESC, b, a DESC))
CREATE TABLE keys.pk_options (a int NOT NULL, CONSTRAINT KP_options PRIMARY KEY (a) WITH (PAD_INDEX = ON, FILLFACTOR = 80, IGNORE_DUP_KEY = ON, DATA_COMPRESSION = ROW))
CREATE TABLE keys.uq_clustered (a int NOT NULL, b int NULL, CONSTRAINT KU_clustered UNIQUE CLUSTERED (a, b), CONSTRAINT KP_uq_clustered PRIMARY KEY NONCLUSTERED (a))
CREATE TABLE keys.uq_many (a int NOT NULL, b int NULL, c int NULL, CONSTRAINT KU_many_1 UNIQUE (a, b DESC), CONSTRAINT KU_many_2 UNIQUE (c), UNIQUE (b, c))
CREATE TABLE keys.unique_clustered (a int NOT NULL, b int NULL)
CREATE UNIQUE CLUSTERED INDEX ucx ON keys.unique_clustered (a) WITH (IGNORE_DUP_KEY = ON)
CREATE TABLE keys.not_unique_clustered (a int NULL, b varchar(10) NULL)
CREATE CLUSTERED INDEX cx ON keys.not_unique_clustered (b, a) WITH (DATA_COMPRESSION = PAGE)
GO
CREATE TABLE keys.indexes (a int NOT NULL, b int NULL, c nvarchar(50) NULL, d datetime2(3) NULL, e bit NOT NULL, CONSTRAINT KP_indexes PRIMARY KEY (a))
CREATE INDEX plain ON keys.indexes (b)
CREATE INDEX descending ON keys.indexes (b DESC, c, d DESC)
CREATE INDEX included ON keys.indexes (c) INCLUDE (e, d, b)
CREATE UNIQUE INDEX unique_one ON keys.indexes (c, d)
CREATE UNIQUE INDEX unique_included ON keys.indexes (d) INCLUDE (c)
CREATE UNIQUE INDEX unique_ignoring ON keys.indexes (b, c) WITH (IGNORE_DUP_KEY = ON)
CREATE INDEX filtered ON keys.indexes (d) WHERE b IS NOT NULL AND e = 1
CREATE INDEX filtered_values ON keys.indexes (b) INCLUDE (d) WHERE c IN (N'a''b', N'c') AND b >= 10
CREATE UNIQUE INDEX filtered_unique ON keys.indexes (c) WHERE d > '2024-01-01'
CREATE INDEX filled ON keys.indexes (e, b) WITH (FILLFACTOR = 50)
CREATE INDEX filled_full ON keys.indexes (e, c) WITH (FILLFACTOR = 100)
CREATE INDEX padded ON keys.indexes (e, d) WITH (FILLFACTOR = 60, PAD_INDEX = ON)
CREATE INDEX compressed ON keys.indexes (d, e) WITH (DATA_COMPRESSION = PAGE)
CREATE INDEX [key column twice, in include no] ON keys.indexes (a DESC, b)
GO
CREATE TABLE keys.columnstore (a int NOT NULL, b nvarchar(50) NULL, c decimal(9, 2) NULL)
CREATE CLUSTERED COLUMNSTORE INDEX ccx ON keys.columnstore
CREATE TABLE keys.columnstore_archive (a int NOT NULL, b nvarchar(50) NULL)
CREATE CLUSTERED COLUMNSTORE INDEX ccx ON keys.columnstore_archive WITH (DATA_COMPRESSION = COLUMNSTORE_ARCHIVE)
CREATE TABLE keys.columnstore_keyed (a int NOT NULL CONSTRAINT KP_columnstore_keyed PRIMARY KEY NONCLUSTERED, b int NULL)
CREATE CLUSTERED COLUMNSTORE INDEX ccx ON keys.columnstore_keyed
CREATE TABLE keys.columnstore_beside (a int NOT NULL CONSTRAINT KP_columnstore_beside PRIMARY KEY, b int NULL, c date NULL)
CREATE NONCLUSTERED COLUMNSTORE INDEX ncx ON keys.columnstore_beside (c, b)
GO
CREATE SCHEMA checks
GO
CREATE TABLE checks.comparisons (
    a int NULL CONSTRAINT CK_a CHECK (a > 0 AND a <= 100 OR a = -1), b varchar(10) NULL CHECK (b LIKE 'x%' AND b NOT LIKE '%[0-9]'),
    c date NULL, d date NULL, e decimal(9, 2) NULL, CONSTRAINT CK_between CHECK (c BETWEEN '2000-01-01' AND d), CHECK (e IN (1, 2.5, 3)),
    CONSTRAINT CK_not CHECK (NOT (a = 5 OR b IS NULL)), CONSTRAINT CK_case CHECK (CASE WHEN a = 1 THEN 2 ELSE 3 END > 2),
    CONSTRAINT CK_functions CHECK (LEN(b) > 2 AND ISNULL(a, 0) <> 7 AND DATEADD(day, 1, c) <= d), CONSTRAINT CK_arithmetic CHECK ((a + 1) * 2 - e / 3 > (a - 1) % 4),
    CONSTRAINT CK_cast CHECK (CAST(a AS bigint) + CONVERT(int, e) < 1000)
)
CREATE TABLE checks.defaults (
    a int NULL DEFAULT 0, b int NOT NULL CONSTRAINT DF_b DEFAULT ((1)), c int NULL DEFAULT (-1), d int NULL CONSTRAINT DF_null DEFAULT NULL,
    e varchar(30) NULL DEFAULT 'it''s', f nvarchar(30) NULL DEFAULT N'жé', g datetime NULL DEFAULT GETDATE(), h datetime2(3) NOT NULL DEFAULT (SYSUTCDATETIME()),
    i uniqueidentifier NULL DEFAULT NEWID(), j varbinary(10) NULL DEFAULT 0x00FF, k decimal(9, 2) NULL DEFAULT (1.50), l float NULL DEFAULT 1e10,
    m varchar(30) NULL DEFAULT CONVERT(varchar(10), GETDATE(), 120), n int NULL CONSTRAINT [DF ]]'n] DEFAULT (2 + 3 * 4), o nvarchar(128) NULL DEFAULT SUSER_SNAME(), p bit NOT NULL DEFAULT 1, q money NULL DEFAULT ($1.5), r float NULL DEFAULT (.5) CHECK (r > .25)
)
CREATE TABLE checks.both (a int NULL CONSTRAINT DF_both DEFAULT 1 CONSTRAINT CK_both CHECK (a > 0))
GO
CREATE SCHEMA columns
GO
CREATE TABLE columns.identity_int (id int NOT NULL IDENTITY CONSTRAINT PK_identity_int PRIMARY KEY, a int NULL)
CREATE TABLE columns.identity_seeded (id bigint NOT NULL IDENTITY(1000, 5), a int NULL)
CREATE TABLE columns.identity_decimal (id decimal(20, 0) NOT NULL IDENTITY(-10, -1), a int NULL)
CREATE TABLE columns.computed (a int NOT NULL, b int NULL, c AS a + b, d AS a * 2 PERSISTED, e AS (CASE WHEN a > b THEN 'more' ELSE 'less' END), CONSTRAINT PK_computed PRIMARY KEY (a))
CREATE TABLE columns.stamped (a int NOT NULL CONSTRAINT PK_stamped PRIMARY KEY, stamp rowversion NOT NULL)
CREATE TABLE columns.sparse (a int NOT NULL CONSTRAINT PK_sparse PRIMARY KEY, b int SPARSE NULL, c varchar(20) SPARSE NULL)
CREATE TABLE columns.guid (a uniqueidentifier ROWGUIDCOL NOT NULL CONSTRAINT DF_guid DEFAULT NEWID() CONSTRAINT PK_guid PRIMARY KEY)
CREATE TABLE columns.alias (a sysname NOT NULL, b sysname NULL)
CREATE TABLE columns.collations (a varchar(10) COLLATE Latin1_General_CS_AS NOT NULL, b nvarchar(10) COLLATE Japanese_CI_AS NULL, c varchar(10) COLLATE Latin1_General_100_CI_AS_SC_UTF8 NULL, d char(3) NULL)
CREATE TABLE columns.masked (a int NOT NULL, b nvarchar(40) MASKED WITH (FUNCTION = 'email()') NULL)
GO
CREATE TABLE [a]]b.c].[d'e"f] ([g h]]] int NOT NULL, [select] int NULL CONSTRAINT [CK; --] CHECK ([select] > 0), [ ] int NULL, [é木] nvarchar(10) NULL CONSTRAINT [DF ']]''] DEFAULT N'[a].[b]', CONSTRAINT [PK "] PRIMARY KEY ([g h]]] DESC))
CREATE UNIQUE INDEX [by 'x' ]]] ON [a]]b.c].[d'e"f] ([é木], [ ]) INCLUDE ([select]) WHERE [ ] IS NOT NULL
CREATE TABLE [a]]b.c].[/*] ([--] int NOT NULL CONSTRAINT [PK*/] PRIMARY KEY, [''] int NULL)
CREATE TABLE [a]]b.c].t234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567 (a int NOT NULL)
GO
CREATE SCHEMA refs
GO
CREATE TABLE refs.a (id int NOT NULL CONSTRAINT PK_a PRIMARY KEY, b int NULL, self int NULL)
CREATE TABLE refs.b (id int NOT NULL CONSTRAINT PK_b PRIMARY KEY, c int NULL, x int NOT NULL, y int NOT NULL, CONSTRAINT UQ_b UNIQUE (x, y))
CREATE TABLE refs.c (id int NOT NULL CONSTRAINT PK_c PRIMARY KEY, a int NULL, x int NULL, y int NULL)
ALTER TABLE refs.a ADD CONSTRAINT FK_a_b FOREIGN KEY (b) REFERENCES refs.b (id)
ALTER TABLE refs.b ADD CONSTRAINT FK_b_c FOREIGN KEY (c) REFERENCES refs.c (id)
ALTER TABLE refs.c ADD CONSTRAINT FK_c_a FOREIGN KEY (a) REFERENCES refs.a (id)
ALTER TABLE refs.a ADD CONSTRAINT FK_a_self FOREIGN KEY (self) REFERENCES refs.a (id)
ALTER TABLE refs.c ADD CONSTRAINT FK_c_b FOREIGN KEY (x, y) REFERENCES refs.b (x, y)
ALTER TABLE refs.c ADD FOREIGN KEY (x) REFERENCES refs.a (id)
CREATE TABLE refs.cascades (id int NOT NULL, a int NULL CONSTRAINT FK_cascades REFERENCES refs.a (id) ON DELETE SET NULL ON UPDATE CASCADE)
GO
