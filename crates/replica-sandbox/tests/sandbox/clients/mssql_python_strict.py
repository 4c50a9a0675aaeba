"""mssql-python against a server that speaks TDS 8.0 only: TLS first, by a certificate that is pinned."""
import mssql_python

from expected import CA, COLUMNS, DATABASE, HOST, PASSWORD, PORT, check, check_rows

SERVER = f"Server={HOST},{PORT};Database={DATABASE};UID=sa;PWD={PASSWORD}"

with mssql_python.connect(f"{SERVER};Encrypt=strict;ServerCertificate={CA}") as connection:
    cursor = connection.cursor()
    cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM dbo.every_type ORDER BY id")
    check_rows(cursor.fetchall(), "strict")

for options in ("Encrypt=yes;TrustServerCertificate=yes", "Encrypt=no"):
    try:
        mssql_python.connect(f"{SERVER};{options}")
    except mssql_python.Error:
        continue
    check(False, f"logged in with {options}")
