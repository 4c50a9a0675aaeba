"""The rows of every_type.sql as Python has them, and how to compare what a driver gives with them."""
import datetime as dt
import decimal
import os
import sys
import uuid

D = decimal.Decimal
HOST, PORT = os.environ.get("SANDBOX_HOST"), int(os.environ.get("SANDBOX_PORT", 0))
PASSWORD, CA = os.environ.get("SANDBOX_PASSWORD"), os.environ.get("SANDBOX_CA")
DATABASE = "clients"


def _offset(minutes):
    return dt.timezone(dt.timedelta(minutes=minutes))


LOW = dict(
    id=1, c_bit=False, c_tinyint=0, c_smallint=-(2**15), c_int=-(2**31), c_bigint=-(2**63),
    c_decimal=D("-9999999999999999999999999999.9999999999"), c_numeric=D("-9999999.99"),
    c_money=D("-922337203685477.5808"), c_smallmoney=D("-214748.3648"), c_real=-0.5, c_float=-sys.float_info.max,
    c_date=dt.date(1, 1, 1), c_time=dt.time(0), c_datetime=dt.datetime(1753, 1, 1),
    c_smalldatetime=dt.datetime(1900, 1, 1), c_datetime2=dt.datetime(1, 1, 1),
    c_datetimeoffset=dt.datetime(1, 1, 2, tzinfo=_offset(840)), c_char=" " * 5, c_varchar="", c_varchar_max="",
    c_nchar=" " * 5, c_nvarchar="", c_nvarchar_max="", c_binary=bytes(4), c_varbinary=b"", c_varbinary_max=b"",
    c_uniqueidentifier=uuid.UUID(int=0),
)
HIGH = dict(
    id=2, c_bit=True, c_tinyint=255, c_smallint=2**15 - 1, c_int=2**31 - 1, c_bigint=2**63 - 1,
    c_decimal=D("9999999999999999999999999999.9999999999"), c_numeric=D("9999999.99"),
    c_money=D("922337203685477.5807"), c_smallmoney=D("214748.3647"), c_real=0.25, c_float=sys.float_info.min,
    c_date=dt.date(9999, 12, 31), c_time=dt.time(23, 59, 59, 999999),
    c_datetime=dt.datetime(9999, 12, 31, 23, 59, 59, 997000), c_smalldatetime=dt.datetime(2079, 6, 6, 23, 59),
    c_datetime2=dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    c_datetimeoffset=dt.datetime(2024, 2, 29, 12, 34, 56, 654321, tzinfo=_offset(-330)), c_char="abc  ",
    c_varchar="trailing  ", c_varchar_max="x" * 20000, c_nchar="ab   ", c_nvarchar="\u03a9 \U0001f600 \u00e9",
    c_nvarchar_max="\u03a9" * 20000, c_binary=b"\xde\xad\xbe\xef", c_varbinary=b"\x00\xff\x80",
    c_varbinary_max=b"y" * 20000, c_uniqueidentifier=uuid.UUID("0E984725-C51C-4BF4-9960-E1C80E27ABA0"),
)
NOTHING = {name: None for name in LOW} | {"id": 3}
ROWS = [LOW, HIGH, NOTHING]
COLUMNS = list(LOW)


def same(got, wanted):
    if wanted is None or got is None:
        return got is wanted
    if isinstance(wanted, bool):
        return bool(got) == wanted
    if isinstance(wanted, float):
        return float(got) == wanted
    if isinstance(wanted, (bytes, str)):
        return (bytes(got) if isinstance(wanted, bytes) else got) == wanted
    if isinstance(wanted, uuid.UUID):
        return uuid.UUID(str(got)) == wanted
    if isinstance(wanted, dt.datetime) and wanted.tzinfo:
        return got == wanted and got.utcoffset() == wanted.utcoffset()
    return got == wanted


def check_rows(rows, what, known=()):
    """`known`: (id, column) pairs that the driver itself gets wrong; each must be wrong, or the list is out of date."""
    rows = [tuple(row) for row in rows]
    assert len(rows) == len(ROWS), f"{what}: {len(rows)} rows"
    for got, wanted in zip(rows, ROWS):
        for name, value in zip(COLUMNS, got):
            right = same(value, wanted[name])
            if (wanted["id"], name) in known:
                assert not right, f"{what}: {name} of row {wanted['id']} is right now: take it off the list"
            else:
                assert right, f"{what}: {name} of row {wanted['id']}: {value!r:.80}, not {wanted[name]!r:.80}"


def check(condition, what):
    assert condition, what
