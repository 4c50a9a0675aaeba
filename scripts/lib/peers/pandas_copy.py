"""A table copied as the Python scripts did that the tools replace: pandas_copy.py TABLE CHUNK fast|slow WHERE

From REPLICA_SOURCE to REPLICA_TARGET: the target is emptied, pandas reads chunks, pyodbc inserts and commits them."""
import os
import sys
import warnings

import pandas
import pyodbc

from connection import Connection
from driver import path

# Of msodbcsql.h. pyodbc reads no datetimeoffset by itself, and sends none: as text it arrives.
DATETIMEOFFSET = -155


def connect(variable):
    connection = Connection(os.environ[variable])
    text = f"DRIVER={{{path}}};{connection.odbc()};Database={connection.database};Encrypt=no;TrustServerCertificate=yes"
    return pyodbc.connect(text)


def offset_text(data):
    year, month, day, hour, minute, second = (int.from_bytes(data[at : at + 2], "little") for at in range(0, 12, 2))
    # No longer than the column: it may have a scale of 0.
    fraction = f".{int.from_bytes(data[12:16], 'little') // 100:07}".rstrip("0").rstrip(".")
    hours, minutes = (int.from_bytes(data[at : at + 2], "little", signed=True) for at in (16, 18))
    sign = "-" if min(hours, minutes) < 0 else "+"
    return (f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} "
            f"{sign}{abs(hours):02}:{abs(minutes):02}")


def main():
    table, chunk_rows, way, where = sys.argv[1:]
    # pandas would rather have SQLAlchemy, which ends in the same calls.
    warnings.filterwarnings("ignore", message="pandas only supports SQLAlchemy")
    source, target = connect("REPLICA_SOURCE"), connect("REPLICA_TARGET")
    source.add_output_converter(DATETIMEOFFSET, offset_text)
    cursor = target.cursor()
    cursor.fast_executemany = way == "fast"
    cursor.execute(f"SELECT TOP 0 * FROM {table}")
    columns = [f"[{column[0]}]" for column in cursor.description]
    identity = cursor.execute(f"SELECT OBJECTPROPERTY(OBJECT_ID('{table}'), 'TableHasIdentity')").fetchone()[0]
    cursor.execute(f"TRUNCATE TABLE {table}")
    if identity:
        cursor.execute(f"SET IDENTITY_INSERT {table} ON")
    target.commit()
    names = ", ".join(columns)
    insert = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
    query = f"SELECT {names} FROM {table} WHERE {where}"
    for chunk in pandas.read_sql(query, source, chunksize=int(chunk_rows), coerce_float=False):
        # pandas has NaN and NaT where a database has NULL.
        rows = chunk.astype(object).where(chunk.notna(), None)
        cursor.executemany(insert, rows.values.tolist())
        target.commit()


main()
