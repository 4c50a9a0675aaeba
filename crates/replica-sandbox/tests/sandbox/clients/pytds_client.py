"""python-tds: values, parameters, transactions, errors, encryption, packet sizes and bulk loads."""
import pytds
from pytds import tds_base

from expected import CA, COLUMNS, DATABASE, HOST, PASSWORD, PORT, check, check_rows


def connect(**options):
    options = {"database": DATABASE, "user": "sa", "password": PASSWORD, "autocommit": True, **options}
    return pytds.connect(dsn=HOST, port=PORT, **options)


def number_of(error):
    return getattr(error, "number", None) or error.msg_no


def refused(cursor, sql, number):
    try:
        cursor.execute(sql)
        cursor.fetchall()
    except tds_base.Error as error:
        check(number_of(error) == number, f"{sql}: {number_of(error)} {error}, not {number}")
    else:
        raise AssertionError(f"{sql}: no error, not {number}")


SELECT = f"SELECT {', '.join(COLUMNS)} FROM dbo.every_type ORDER BY id"

for options in (
    {},
    {"blocksize": 512},
    {"blocksize": 32767},
    {"cafile": CA, "validate_host": False},
    {"cafile": CA, "validate_host": False, "blocksize": 32767},
    {"cafile": CA, "validate_host": False, "enc_login_only": True},
):
    with connect(**options) as connection, connection.cursor() as cursor:
        cursor.execute(SELECT)
        check_rows(cursor.fetchall(), f"python-tds {options}")

with connect() as connection, connection.cursor() as cursor:
    # Parameters travel by sp_executesql.
    cursor.execute("SELECT %s, %s, %s, %s", (1, "\u03a9 \U0001f600", None, pytds.Binary(b"\x00\xff")))
    check(cursor.fetchall() == [(1, "\u03a9 \U0001f600", None, b"\x00\xff")], "parameters")
    long = "\u03a9" * 100_000
    cursor.execute("SELECT %s", (long,))
    check(cursor.fetchall() == [(long,)], "a long parameter")

    refused(cursor, "SELECT * FROM dbo.missing", 208)
    refused(cursor, "SELECT 1/0", 8134)
    refused(cursor, "INSERT INTO dbo.every_type (id) VALUES (1)", 2627)
    refused(cursor, "INSERT INTO dbo.every_type (id) VALUES (NULL)", 515)
    refused(cursor, "INSERT INTO dbo.every_type (id, c_varchar) VALUES (9, REPLICATE('x', 51))", 2628)
    refused(cursor, "SELECT 1 +", 102)

    cursor.execute("CREATE TABLE dbo.loaded (id int NOT NULL PRIMARY KEY, text nvarchar(50) NULL, bytes varbinary(max) NULL)")
    cursor.copy_to(
        table_or_view="loaded",
        schema="dbo",
        data=[(1, "one"), (2, "\u03a9 \U0001f600")],
        columns=[
            tds_base.Column("id", type=pytds.tds_types.IntType(), flags=0),
            tds_base.Column("text", type=pytds.tds_types.NVarCharType(size=50)),
        ],
    )
    cursor.execute("SELECT id, text, bytes FROM dbo.loaded ORDER BY id")
    check(cursor.fetchall() == [(1, "one", None), (2, "\u03a9 \U0001f600", None)], "copy_to")

with connect(autocommit=False) as connection, connection.cursor() as cursor:
    cursor.execute("DELETE FROM dbo.loaded WHERE id = 1")
    connection.rollback()
    cursor.execute("SELECT COUNT(*) FROM dbo.loaded")
    check(cursor.fetchone() == (2,), "rollback")
    cursor.execute("DELETE FROM dbo.loaded WHERE id = 1")
    connection.commit()

with connect() as connection, connection.cursor() as cursor:
    cursor.execute("SELECT COUNT(*) FROM dbo.loaded")
    check(cursor.fetchone() == (1,), "commit")
    cursor.execute("DROP TABLE dbo.loaded")

for options in ({"password": "wrong"}, {"database": "nowhere"}):
    try:
        connect(**options)
    except tds_base.Error as error:
        # python-tds 1.17.1 has the number of the last error only.
        check(number_of(error) == 18456, f"{options}: {number_of(error)} {error}")
    else:
        raise AssertionError(f"logged in with {options}")
