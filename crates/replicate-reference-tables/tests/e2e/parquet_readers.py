"""PyArrow and DuckDB read the files of every_type.sql and of a table of the finest times."""
import datetime as dt
import decimal
import sys
import uuid

import duckdb
import pyarrow.parquet

from expected import COLUMNS, check, check_rows

folder = sys.argv[1]


def path(table):
    return f"{folder}/dbo.{table}.parquet"


def arrow(table):
    # Python's own times end at the microsecond; nanoseconds are looked at below.
    return pyarrow.parquet.read_table(path(table)).drop_columns(["t"] if table == "finest" else []).to_pylist()


def duck(table, columns="*"):
    found = duckdb.sql(f"SET TimeZone = 'UTC'; SELECT {columns} FROM '{path(table)}' ORDER BY id")
    names = [name for name, *_ in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


def moment(row, column):
    """An instant and its offset, which docs/PARQUET.md keeps in two columns."""
    if row[column] is None:
        return None
    zone = dt.timezone(dt.timedelta(minutes=row[f"{column}_offset_minutes"]))
    return row[column].astimezone(zone)


# Longer than what these tools hold in memory, but in pages as any others.
text, latin = "0123456789Ωé\U0001F600€" * 400_000, "0123456789abcdé " * 400_000
long = [
    dict(id=1, b=b"\x01", n="Ω", v="é", x="<a/>"),
    dict(id=2, b=b"0123456789abcdef" * 400_000, n=text, v=latin, x=f"<a>{text}</a>"),
    dict(id=3, b=None, n=None, v=latin, x=None),
]
for read in (arrow, duck):
    for got, wanted in zip(read("long"), long, strict=True):
        for name, value in wanted.items():
            check(got[name] == value, f"{read.__name__}: {name} of long row {got['id']} is another")
        check(got["_exact"] is None, f"{read.__name__}: long row {got['id']} has bytes that Parquet does not hold")

for read in (arrow, duck):
    rows = read("every_type")
    for row in rows:
        row["c_datetimeoffset"] = moment(row, "c_datetimeoffset")
        check(row["_exact"] is None, f"{read.__name__}: {row['id']} has bytes that Parquet does not hold")
    check_rows([[row[name] for name in COLUMNS] for row in rows], read.__name__)

# What these two make of types, not only of values.
types = {name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{path('every_type')}'").fetchall()}
for name, kind in {
    "c_tinyint": "UTINYINT", "c_decimal": "DECIMAL(38,10)", "c_money": "DECIMAL(19,4)", "c_date": "DATE",
    "c_datetime2": "TIMESTAMP", "c_datetimeoffset": "TIMESTAMP WITH TIME ZONE", "c_datetime": "TIMESTAMP_MS",
    "c_uniqueidentifier": "UUID", "c_nvarchar": "VARCHAR", "c_varbinary": "BLOB",
}.items():
    check(types[name] == kind or (name, types[name]) == ("c_datetime", "TIMESTAMP"), f"{name} is {types[name]}")
schema = pyarrow.parquet.read_schema(path("every_type"))
check(str(schema.field("c_decimal").type) == "decimal128(38, 10)", schema.field("c_decimal"))
check(schema.field("c_datetimeoffset").type.tz == "UTC", schema.field("c_datetimeoffset"))

# A tenth of a microsecond is beyond Python's own types: it stands beside the value.
TICK = dt.timedelta(microseconds=1)
finest = [
    dict(m=dt.datetime(9999, 12, 31, 23, 59, 59, 999999), m_100ns=9,
         o=dt.datetime(2024, 2, 29, 18, 4, 56, 765432, tzinfo=dt.timezone.utc), o_100ns=1, o_offset_minutes=-330,
         v="12.50", l="Ωμέγα", lone="\ufffdx"),
    dict(m=dt.datetime(1, 1, 1), m_100ns=1, o=dt.datetime(1, 1, 1, 10, tzinfo=dt.timezone.utc), o_100ns=0,
         o_offset_minutes=840, v="жé", l="", lone=""),
    {name: None for name in ("m", "m_100ns", "o", "o_100ns", "o_offset_minutes", "v", "l", "lone")},
]
for read in (arrow, lambda table: duck(table, "* EXCLUDE t")):
    table = read("finest")
    for got, wanted in zip(table, finest, strict=True):
        for name, value in wanted.items():
            check(got[name] == value, f"{name} of row {got['id']}: {got[name]!r}, not {value!r}")
    # The variants, and the half of a surrogate pair.
    check([bool(row["_exact"]) for row in table] == [True, True, False], "_exact")
nanoseconds = pyarrow.parquet.read_table(path("finest")).column("t").cast("int64").to_pylist()
check(nanoseconds == [86_399_999_999_900, 0, None], f"time(7): {nanoseconds}")
printed = [row["t"] for row in duck("finest", "id, CAST(t AS VARCHAR) AS t")]
check(printed[1:] == ["00:00:00", None] and printed[0].startswith("23:59:59.999999"), f"time(7): {printed}")
