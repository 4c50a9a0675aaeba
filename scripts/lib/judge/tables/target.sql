-- The same tables in the target, in every shape.
CREATE SCHEMA [order]
GO
CREATE PARTITION FUNCTION by_month (date) AS RANGE RIGHT FOR VALUES ('2024-01-01', '2024-02-01', '2024-03-01', '2024-04-01')
CREATE PARTITION SCHEME by_month AS PARTITION by_month ALL TO ([PRIMARY])
CREATE PARTITION FUNCTION by_number (int) AS RANGE LEFT FOR VALUES (2)
CREATE PARTITION SCHEME by_number AS PARTITION by_number ALL TO ([PRIMARY])
GO
CREATE TABLE dbo.heap (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.heap_indexed (id int NOT NULL, day datetime NOT NULL, label nvarchar(20) NULL)
CREATE INDEX by_label ON dbo.heap_indexed (label)
CREATE TABLE dbo.heap_keyed (id int NOT NULL CONSTRAINT PK_heap_keyed PRIMARY KEY NONCLUSTERED, day datetime2(3) NULL, label nvarchar(20) NULL)
CREATE INDEX by_day ON dbo.heap_keyed (day)
CREATE UNIQUE INDEX by_label ON dbo.heap_keyed (label, id)
CREATE TABLE dbo.sorted (id int NOT NULL, day smalldatetime NOT NULL, label nvarchar(20) NULL)
CREATE CLUSTERED INDEX by_day ON dbo.sorted (day, id DESC)
CREATE INDEX by_label ON dbo.sorted (label) INCLUDE (id)
CREATE TABLE dbo.sorted_other (id int NOT NULL CONSTRAINT PK_sorted_other PRIMARY KEY, day datetimeoffset(0) NOT NULL, label nvarchar(20) NULL)
CREATE INDEX by_day ON dbo.sorted_other (day)
CREATE TABLE dbo.[columnstore] (id int NOT NULL, day int NOT NULL, label nvarchar(20) NULL)
CREATE CLUSTERED COLUMNSTORE INDEX ccx ON dbo.[columnstore]
CREATE TABLE dbo.partitioned (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL) ON by_month (day)
CREATE CLUSTERED INDEX by_day ON dbo.partitioned (day, id)
CREATE INDEX by_label ON dbo.partitioned (label) INCLUDE (id)
CREATE TABLE dbo.partitioned_whole (id int NOT NULL CONSTRAINT PK_partitioned_whole PRIMARY KEY, label nvarchar(20) NULL) ON by_number (id)
GO
CREATE TABLE dbo.parent (id int NOT NULL CONSTRAINT PK_parent PRIMARY KEY, name varchar(20) NULL)
CREATE TABLE dbo.child (id int NOT NULL IDENTITY(10, 5) CONSTRAINT PK_child PRIMARY KEY, parent int NULL CONSTRAINT FK_child REFERENCES dbo.parent (id), phone sysname, twice AS id * 2, stamp rowversion)
CREATE TABLE [order].[It's a ]] "table"] ([select] int NOT NULL CONSTRAINT [PK ']]] PRIMARY KEY, [a ]] b's] nvarchar(20) NULL)
CREATE INDEX [by 'a ]]'] ON [order].[It's a ]] "table"] ([a ]] b's])
CREATE TABLE dbo.checked (id int NOT NULL, n int NULL CONSTRAINT DF_checked DEFAULT 7, CONSTRAINT CK_checked CHECK (n < 100))
CREATE TABLE dbo.persons (id int NOT NULL CONSTRAINT PK_persons PRIMARY KEY, day date NOT NULL, email nvarchar(10) NULL, tenant int NULL)
CREATE TABLE dbo.audit (n int NOT NULL IDENTITY, id int NOT NULL)
CREATE TABLE dbo.converted (
    id int NOT NULL CONSTRAINT PK_converted PRIMARY KEY, a_char varchar(40) NULL, a_text varchar(200) NULL, a_binary varbinary(8) NULL,
    a_decimal decimal(9, 2) NULL, an_int smallint NULL, a_float decimal(9, 2) NULL, a_money decimal(19, 4) NULL, a_datetime datetime NULL,
    a_time time(0) NULL, a_guid char(36) NULL, a_date smalldatetime NULL, an_offset datetimeoffset(0) NULL
)
CREATE TABLE dbo.partitioned_store (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL) ON by_month (day)
CREATE CLUSTERED COLUMNSTORE INDEX ccx ON dbo.partitioned_store ON by_month (day)
CREATE TABLE dbo.partitioned_key (id int NOT NULL IDENTITY, day date NOT NULL, label nvarchar(20) NULL, CONSTRAINT PK_partitioned_key PRIMARY KEY (day, id) WITH (DATA_COMPRESSION = PAGE)) ON by_month (day)
CREATE TABLE dbo.wider (id int NOT NULL CONSTRAINT PK_wider PRIMARY KEY, note varchar(10) NOT NULL CONSTRAINT DF_wider DEFAULT 'x')
CREATE TABLE dbo.faulty_heap (id int NULL, note varchar(20) NULL)
CREATE TABLE dbo.seen (id int NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.faulty (id int NOT NULL CONSTRAINT PK_faulty PRIMARY KEY, name varchar(40) NULL, note varchar(20) NULL, amount decimal(9, 2) NULL, n smallint NULL, at datetime NULL)
CREATE TABLE dbo.faulty_rows (id int NOT NULL CONSTRAINT PK_faulty_rows PRIMARY KEY, n int NULL CONSTRAINT CK_faulty_rows CHECK (n < 10))
INSERT INTO dbo.parent VALUES (1, 'old'), (9, 'old')
INSERT INTO dbo.child (parent, phone) VALUES (9, 'old')
GO
CREATE TRIGGER dbo.audits ON dbo.checked AFTER INSERT, DELETE AS INSERT INTO dbo.audit SELECT id FROM inserted
GO
