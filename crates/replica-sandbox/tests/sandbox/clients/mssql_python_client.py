"""Microsoft's mssql-python: values, parameters, transactions, errors, encryption and bulkcopy."""
import mssql_python

from expected import CA, COLUMNS, DATABASE, HOST, PASSWORD, PORT, ROWS, check, check_rows

PLAIN = "Encrypt=no"
TRUSTING = "Encrypt=yes;TrustServerCertificate=yes"


def connect(options=PLAIN, password=PASSWORD, **more):
    server = f"Server={HOST},{PORT};Database={DATABASE};UID=sa;PWD={password};{options}"
    return mssql_python.connect(server, **more)


def refused(cursor, sql, text):
    try:
        cursor.execute(sql)
        cursor.fetchall()
    except mssql_python.Error as error:
        check(text in str(error), f"{sql}: {error}, not {text}")
    else:
        raise AssertionError(f"{sql}: no error, not {text}")


for options in (PLAIN, TRUSTING, f"{PLAIN};PacketSize=512", f"{PLAIN};PacketSize=32767", f"{TRUSTING};PacketSize=32767"):
    connection = connect(options)
    cursor = connection.cursor()
    cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM dbo.every_type ORDER BY id")
    check_rows(cursor.fetchall(), f"mssql-python {options}")
    connection.close()

connection = connect(autocommit=True)
cursor = connection.cursor()
cursor.execute("SELECT ?, ?, ?", (1, "\u03a9 \U0001f600", b"\x00\xff"))
check([tuple(row) for row in cursor.fetchall()] == [(1, "\u03a9 \U0001f600", b"\x00\xff")], "parameters")
refused(cursor, "SELECT * FROM dbo.missing", "Invalid object name")
refused(cursor, "SELECT 1/0", "Divide by zero")
refused(cursor, "INSERT INTO dbo.every_type (id) VALUES (1)", "Violation of PRIMARY KEY constraint 'PK_every_type'")

cursor.execute("SELECT * INTO dbo.copied FROM dbo.every_type WHERE 1 = 0")
cursor.close()
connection.close()
connection = connect(TRUSTING, autocommit=True)
cursor = connection.cursor()
cursor.bulkcopy("dbo.copied", [tuple(row[name] for name in COLUMNS) for row in ROWS])
cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM dbo.copied ORDER BY id")
# mssql-python 1.16.0 sends a datetimeoffset's local time where UTC belongs.
check_rows(cursor.fetchall(), "bulkcopy", known=[(1, "c_datetimeoffset"), (2, "c_datetimeoffset")])
cursor.execute("DROP TABLE dbo.copied")
connection.close()

connection = connect(autocommit=False)
cursor = connection.cursor()
cursor.execute("DELETE FROM dbo.every_type WHERE id = 1")
connection.rollback()
cursor.execute("SELECT COUNT(*) FROM dbo.every_type")
check(cursor.fetchone()[0] == len(ROWS), "rollback")

try:
    connect(password="wrong")
except mssql_python.Error as error:
    check("Login failed for user 'sa'" in str(error), f"wrong password: {error}")
else:
    raise AssertionError("logged in with a wrong password")
