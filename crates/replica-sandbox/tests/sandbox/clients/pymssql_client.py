"""pymssql, which is FreeTDS' db-lib: values, parameters, transactions, errors, encryption and bulk copies."""
import datetime as dt

import pymssql

from expected import COLUMNS, DATABASE, HOST, PASSWORD, PORT, ROWS, check, check_rows


def connect(**options):
    options = {"database": DATABASE, "user": "sa", "password": PASSWORD, "autocommit": True, **options}
    return pymssql.connect(server=HOST, port=str(PORT), **options)


def refused(cursor, sql, number):
    try:
        cursor.execute(sql)
        cursor.fetchall()
    except pymssql.Error as error:
        check(error.args[0] == number, f"{sql}: {error}, not {number}")
    else:
        raise AssertionError(f"{sql}: no error, not {number}")


for options in ({}, {"encryption": "off"}, {"encryption": "request"}, {"encryption": "require"}):
    connection = connect(**options)
    cursor = connection.cursor()
    cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM dbo.every_type ORDER BY id")
    check_rows(cursor.fetchall(), f"pymssql {options}")
    connection.close()

connection = connect()
cursor = connection.cursor()
cursor.execute("SELECT %d + 1, %s", (1, "\u03a9 \U0001f600"))
check(cursor.fetchall() == [(2, "\u03a9 \U0001f600")], "parameters")
refused(cursor, "SELECT * FROM dbo.missing", 208)
refused(cursor, "SELECT 1/0", 8134)
refused(cursor, "INSERT INTO dbo.every_type (id) VALUES (1)", 2627)
refused(cursor, "INSERT INTO dbo.every_type (id) VALUES (NULL)", 515)

cursor.execute("CREATE TABLE dbo.copied (id int NOT NULL, text varchar(20) NULL, at datetime NULL)")
rows = [(n, f"row {n}", dt.datetime(2024, 2, 29, 12, 0, n % 60)) for n in range(1000)]
connection.bulk_copy("dbo.copied", rows, batch_size=300)
cursor.execute("SELECT id, text, at FROM dbo.copied ORDER BY id")
check(cursor.fetchall() == rows, "bulk_copy")
cursor.execute("DROP TABLE dbo.copied")

connection.autocommit(False)
cursor.execute("DELETE FROM dbo.every_type WHERE id = 1")
connection.rollback()
cursor.execute("SELECT COUNT(*) FROM dbo.every_type")
check(cursor.fetchone() == (len(ROWS),), "rollback")

try:
    connect(password="wrong")
except pymssql.OperationalError as error:
    check("18456" in str(error), f"wrong password: {error}")
else:
    raise AssertionError("logged in with a wrong password")
