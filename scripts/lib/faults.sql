-- A table with planted faults, for the demo: what the source holds, the replica cannot.
USE flights
GO
CREATE TABLE dbo.orders (
    id int NOT NULL PRIMARY KEY,
    customer nvarchar(40) NULL,
    note varchar(60) NULL,
    amount decimal(12, 4) NULL,
    quantity int NULL,
    placed datetime2(7) NULL
)
GO
INSERT INTO dbo.orders VALUES
    (1001, N'Ada', 'as usual', 12.50, 3, '2024-01-15T09:30:00'),
    (1002, N'Łukasz', 'as usual', 99.99, 1, '2024-01-16T10:00:00'),
    (1003, N'Grace', 'leave it with the neighbours', 7.1234, 2, '2024-01-20T12:15:00'),
    (1004, N'Edsger', 'ring twice, then wait for the dog', 120.00, 70000, '1752-12-31T00:00:00'),
    (1005, N'Barbara', 'as usual', 10.00, 1, '2024-01-31T23:59:59.9999999')
GO
USE replica
GO
CREATE TABLE dbo.orders (
    id int NOT NULL PRIMARY KEY,
    customer varchar(40) NULL,
    note varchar(20) NULL,
    amount decimal(9, 2) NULL,
    quantity smallint NULL,
    placed datetime NULL
)
GO
