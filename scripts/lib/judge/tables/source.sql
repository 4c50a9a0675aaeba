-- What the source has: dated rows for windows, rows for every shape of target, and faults.
CREATE SCHEMA [order]
GO
INSERT INTO dbo.every_type VALUES (
    1, 0, 0, 0, 0, -32768, -32768, -2147483648, -2147483648, -9223372036854775808, -9223372036854775808,
    -9999999999999999999999999999.9999999999, -9999999.99, -9999999999999999999, -0.0000000000000000000000000001,
    -922337203685477.5808, -922337203685477.5808, -214748.3648, -214748.3648, -3.4E38, -3.4E38, -1.79E308, -1.79E308,
    '0001-01-01', '0001-01-01', '00:00:00', '00:00:00', '1753-01-01', '1753-01-01', '1900-01-01', '1900-01-01',
    '0001-01-01', '0001-01-01', '0001-01-02T00:00:00+14:00', '0001-01-02T00:00:00+14:00',
    '', '', '', '', N'', N'', '', '', N'', N'', N'', N'', N'', N'', 0x00000000, 0x00000000, 0x, 0x, 0x, 0x,
    '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000',
    '', N'', 0x, '<r/>', CAST(12.5 AS decimal(5, 2)), 0x, NULL, NULL)
GO
INSERT INTO dbo.every_type VALUES (
    2, 1, 1, 255, 255, 32767, 32767, 2147483647, 2147483647, 9223372036854775807, 9223372036854775807,
    9999999999999999999999999999.9999999999, 9999999.99, 9999999999999999999, 0.9999999999999999999999999999,
    922337203685477.5807, 922337203685477.5807, 214748.3647, 214748.3647, 1.18E-38, 1.18E-38, 2.23E-308, 2.23E-308,
    '9999-12-31', '9999-12-31', '23:59:59.9999999', '23:59:59', '9999-12-31T23:59:59.997', '9999-12-31T23:59:59.997',
    '2079-06-06T23:59:00', '2079-06-06T23:59:00', '9999-12-31T23:59:59.9999999', '9999-12-31T23:59:59.999',
    '9999-12-30T23:59:59.9999999-14:00', '9999-12-30T23:59:59-14:00',
    'abcde', 'abcde', 'trailing  ', REPLICATE('x', 8000), N'жизнь  ', N'日本語' + NCHAR(0xD83D) + NCHAR(0xDE00),
    REPLICATE(CAST('x' AS varchar(max)), 20000), REPLICATE(CAST('y' AS varchar(max)), 20000),
    N'жé木 ', N'жé木 ', N'Ω ' + NCHAR(0xD83D) + NCHAR(0xDE00), REPLICATE(N'Ω', 4000),
    REPLICATE(CAST(N'Ω' AS nvarchar(max)), 9000), REPLICATE(CAST(N'é' AS nvarchar(max)), 9000),
    0xFFFFFFFF, 0xFFFFFFFF, 0x00FF80, 0x00FF80,
    CAST(REPLICATE(CAST('z' AS varchar(max)), 20000) AS varbinary(max)), 0x0102,
    '6F9619FF-8B86-D011-B42D-00C04FC964FF', '6F9619FF-8B86-D011-B42D-00C04FC964FF',
    'text', N'ntéxt', 0x0102, '<a b="1">x</a>', CAST(N'жé' AS nvarchar(10)),
    0x5AC0, 0xE6100000010C0000000000002440000000000000F03F, 0x00000000010C000000000000F03F0000000000000040)
GO
INSERT INTO dbo.every_type (id, n_bit, n_tinyint, n_smallint, n_int, n_bigint, n_decimal, n_numeric, n_money, n_smallmoney,
    n_real, n_float, n_date, n_time, n_datetime, n_smalldatetime, n_datetime2, n_datetimeoffset, n_char, n_varchar,
    n_varchar_max, n_nchar, n_nvarchar, n_nvarchar_max, n_binary, n_varbinary, n_varbinary_max, n_uniqueidentifier)
VALUES (3, 1, 1, 1, 1, 1, 1, 0.1, 1, 1, 1, 1, '2024-02-29', '12:34:56', '2024-02-29T12:34:56', '2024-02-29T12:34:00',
    '2024-02-29T12:34:56', '2024-02-29T12:34:56-05:30', 'a', 'a', 'a', N'a', N'a', N'a', 0x01, 0x01, 0x01, NEWID())
GO
-- Dated rows, for windows; the targets have every shape.
CREATE TABLE dbo.heap (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.heap_indexed (id int NOT NULL, day datetime NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.heap_keyed (id int NOT NULL, day datetime2(3) NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.sorted (id int NOT NULL, day smalldatetime NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.sorted_other (id int NOT NULL, day datetimeoffset(0) NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.[columnstore] (id int NOT NULL, day int NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.partitioned (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.partitioned_whole (id int NOT NULL, label nvarchar(20) NULL)
INSERT INTO dbo.heap VALUES (1, '2024-01-05', N'a'), (2, '2024-01-31', NULL), (3, '2024-02-29', N'Ω'), (4, '2024-03-31', N'd')
INSERT INTO dbo.heap_indexed SELECT id, day, label FROM dbo.heap
INSERT INTO dbo.heap_keyed SELECT id, day, label FROM dbo.heap
INSERT INTO dbo.heap_keyed VALUES (5, NULL, N'without a date')
INSERT INTO dbo.sorted SELECT id, day, label FROM dbo.heap
INSERT INTO dbo.sorted_other SELECT id, day, label FROM dbo.heap
INSERT INTO dbo.[columnstore] SELECT id, CONVERT(varchar(8), day, 112), label FROM dbo.heap
INSERT INTO dbo.partitioned SELECT id, day, label FROM dbo.heap
INSERT INTO dbo.partitioned_whole SELECT id, label FROM dbo.heap
GO
-- What columns, constraints and names there are.
CREATE TABLE dbo.parent (id int NOT NULL CONSTRAINT PK_parent PRIMARY KEY, name varchar(20) NULL)
CREATE TABLE dbo.child (id int NOT NULL IDENTITY(10, 5) CONSTRAINT PK_child PRIMARY KEY, parent int NULL, phone sysname, twice AS id * 2, stamp rowversion)
CREATE TABLE [order].[It's a ]] "table"] ([select] int NOT NULL CONSTRAINT [PK ']]] PRIMARY KEY, [a ]] b's] nvarchar(20) NULL)
CREATE TABLE dbo.checked (id int NOT NULL, n int NULL)
CREATE TABLE dbo.people (id int NOT NULL CONSTRAINT PK_people PRIMARY KEY, day date NOT NULL, email varchar(40) NULL, tenant int NOT NULL, secret binary(4) NOT NULL)
CREATE TABLE dbo.converted (
    id bigint NOT NULL CONSTRAINT PK_converted PRIMARY KEY, a_char nvarchar(40) NULL, a_text nvarchar(max) NULL, a_binary binary(4) NULL,
    a_decimal decimal(12, 4) NULL, an_int int NULL, a_float float NULL, a_money money NULL, a_datetime datetime2(7) NULL,
    a_time time(7) NULL, a_guid uniqueidentifier NULL, a_date date NULL, an_offset datetimeoffset(7) NULL
)
INSERT INTO dbo.parent VALUES (1, 'one'), (2, 'two')
INSERT INTO dbo.child (parent, phone) VALUES (1, '1'), (2, '2'), (NULL, '3')
INSERT INTO [order].[It's a ]] "table"] VALUES (1, N'x'), (2, NULL)
INSERT INTO dbo.people VALUES (1, '2024-01-15', 'Ann@x.org', 7, 0x01), (2, '2024-02-15', 'Bob@x.org', 8, 0x02), (3, '2024-03-15', NULL, 7, 0x03)
INSERT INTO dbo.checked VALUES (1, 1), (2, 2), (3, 3)
INSERT INTO dbo.converted VALUES
    (1, N'Ada', N'as usual', 0x01020304, 12.5, 3, 0.5, 1, '2024-01-15T09:30:00', '12:00:00', NEWID(), '2024-01-15', '2024-01-15T09:30:00+01:00'),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
CREATE TABLE dbo.partitioned_store (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.partitioned_key (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)
CREATE TABLE dbo.wider (id int NOT NULL CONSTRAINT PK_wider PRIMARY KEY)
INSERT INTO dbo.partitioned_store SELECT id, day, label FROM dbo.heap
INSERT INTO dbo.partitioned_key SELECT id, day, label FROM dbo.heap
INSERT INTO dbo.wider VALUES (1), (2)
GO
CREATE VIEW dbo.seen AS SELECT id, label FROM dbo.heap WHERE id > 1
GO
-- Values and rows that the target refuses, or would change.
CREATE TABLE dbo.faulty (id int NOT NULL CONSTRAINT PK_faulty PRIMARY KEY, name nvarchar(40) NULL, note varchar(60) NULL, amount decimal(12, 4) NULL, n int NULL, at datetime2(7) NULL)
CREATE TABLE dbo.faulty_rows (id int NOT NULL, n int NULL)
CREATE TABLE dbo.faulty_heap (id int NULL, note varchar(60) NULL)
INSERT INTO dbo.faulty_heap VALUES (1, 'far too long for a column of twenty'), (1, 'as usual')
INSERT INTO dbo.faulty VALUES (1, N'Ada', 'as usual', 12.5, 3, '2024-01-15T09:30:00'), (2, N'Łukasz', 'far too long for a column of twenty', 7.1234, 70000, '2024-01-31T23:59:59.9999999'), (3, N'Grace', 'as usual', 1, 1, '1752-12-31')
INSERT INTO dbo.faulty_rows VALUES (1, 1), (2, 2), (3, 3), (3, 4), (5, 50)
GO
