"""pyodbc over FreeTDS' ODBC driver, and SQLAlchemy over both: values, parameters, catalogs, reflection."""
import datetime as dt
import decimal
import struct
import urllib.parse

import pyodbc
import sqlalchemy as sa

from expected import COLUMNS, DATABASE, HOST, PASSWORD, PORT, ROWS, check, check_rows

# datetimeoffset's number, and its structure in C (Microsoft docs, "Data type support for ODBC date and time").
TIMESTAMPOFFSET, STRUCTURE = -155, "<6hI2h"


def timestamp_offset(data):
    *moment, nanoseconds, hours, minutes = struct.unpack(STRUCTURE, data)
    zone = dt.timezone(dt.timedelta(hours=hours, minutes=minutes))
    return dt.datetime(*moment, nanoseconds // 1000, zone)


def connection_string(encryption):
    return (
        f"DRIVER={{FreeTDS}};SERVER={HOST};PORT={PORT};DATABASE={DATABASE};UID=sa;PWD={PASSWORD};"
        f"TDS_Version=7.4;ClientCharset=UTF-8;Encryption={encryption}"
    )


for encryption in ("off", "request", "require"):
    connection = pyodbc.connect(connection_string(encryption), autocommit=True)
    connection.add_output_converter(TIMESTAMPOFFSET, timestamp_offset)
    rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM dbo.every_type ORDER BY id").fetchall()
    check_rows(rows, f"pyodbc {encryption}")
    connection.close()

connection = pyodbc.connect(connection_string("off"))
cursor = connection.cursor()
for value in (
    1, 2**40, -1.5, decimal.Decimal("-123.456"), decimal.Decimal(0), "\u03a9 \U0001f600", "x" * 20000, b"\x00\xff",
    b"y" * 20000, dt.date(2024, 2, 29), dt.datetime(2024, 1, 2, 3, 4, 5), True, None,
):
    got = cursor.execute("SELECT ? AS value", value).fetchone()[0]
    check(got == value, f"parameter {value!r:.40}: {got!r:.40}")

for sql, number in (("SELECT 1/0", 8134), ("SELECT * FROM missing", 208), ("THROW 50001, 'x', 1", 50001)):
    try:
        cursor.execute(sql).fetchall()
    except pyodbc.Error as error:
        check(f"({number})" in str(error), f"{sql}: {error}, not {number}")
    else:
        raise AssertionError(f"{sql}: no error, not {number}")

cursor.execute("CREATE TABLE child (id int IDENTITY PRIMARY KEY, parent int REFERENCES child (id), v rowversion)")
cursor.executemany("INSERT INTO child (parent) VALUES (?)", [(None,), (1,), (1,)])
check(cursor.execute("SELECT COUNT(*) FROM child WHERE id<?", 3).fetchone()[0] == 2, "executemany")
check([row.column_name for row in cursor.columns(table="child")] == ["id", "parent", "v"], "SQLColumns")
check([row.column_name for row in cursor.primaryKeys(table="child")] == ["id"], "SQLPrimaryKeys")
check([row.fkcolumn_name for row in cursor.foreignKeys(table="child")] == ["parent"], "SQLForeignKeys")
check([row.column_name for row in cursor.rowVerColumns(table="child")] == ["v"], "SQLSpecialColumns")
check("sql_variant" in [row.type_name for row in cursor.getTypeInfo()], "SQLGetTypeInfo")
check(cursor.procedures().fetchall() == [], "SQLProcedures")
connection.rollback()
check(not cursor.tables(table="child").fetchall(), "SQLTables after a rollback")
connection.close()

engine = sa.create_engine("mssql+pyodbc:///?odbc_connect=" + urllib.parse.quote_plus(connection_string("off")))
tables = sa.MetaData()
parents = sa.Table("parents", tables, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Unicode(20)))
children = sa.Table(
    "children", tables, sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("parent_id", sa.ForeignKey("parents.id", name="fk_parent", ondelete="CASCADE"), index=True),
    sa.Column("price", sa.Numeric(10, 2), server_default="1.5"),
)
tables.create_all(engine)
with engine.begin() as session:
    session.execute(parents.insert(), [{"name": f"n{n}"} for n in range(5)])
    returned = session.execute(children.insert().returning(children.c.price), [{"parent_id": n} for n in (1, 2, 2)])
    check(returned.fetchall() == [(decimal.Decimal("1.50"),)] * 3, "INSERT ... OUTPUT")
    page = sa.select(children.c.id).join(parents).where(parents.c.name.like("n%")).order_by(children.c.id)
    check(session.execute(page.offset(1).limit(1)).fetchall() == [(2,)], "OFFSET and FETCH")
    inner = session.begin_nested()
    check(session.execute(children.delete().where(children.c.parent_id == 2)).rowcount == 2, "rowcount")
    inner.rollback()
    check(session.execute(sa.select(sa.func.count()).select_from(children)).scalar() == 3, "a savepoint")
    check(session.get_isolation_level() == "READ COMMITTED", "the isolation level")

seen = sa.inspect(engine)
check({"parents", "children"} < set(seen.get_table_names()), "tables")
check([str(column["type"]) for column in seen.get_columns("children")] == ["BIGINT", "INTEGER", "NUMERIC(10, 2)"],
      f"columns: {seen.get_columns('children')}")
check(seen.get_pk_constraint("children")["constrained_columns"] == ["id"], "the primary key")
[key] = seen.get_foreign_keys("children")
check((key["name"], key["referred_table"], key["options"]) == ("fk_parent", "parents", {"ondelete": "CASCADE"}),
      f"the foreign key: {key}")
check([index["column_names"] for index in seen.get_indexes("children")] == [["parent_id"]], "indexes")
reflected = sa.MetaData()
reflected.reflect(engine)
check("children" in reflected.tables, "reflection")
tables.drop_all(engine)
