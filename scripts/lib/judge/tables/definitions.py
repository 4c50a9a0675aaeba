"""Prints CREATE TABLE scripts for the judge of schemas: every type in every place, as many columns as there may be."""

TYPES = """bit tinyint smallint int bigint decimal(38,10) decimal(5,5) numeric(9,0) numeric(18,4) money smallmoney real float
date time(0) time(7) datetime2(0) datetime2(3) datetime2(7) datetimeoffset(0) datetimeoffset(7) datetime smalldatetime
char(1) char(8000) varchar(1) varchar(8000) varchar(max) nchar(5) nchar(4000) nvarchar(1) nvarchar(4000) nvarchar(max)
binary(1) binary(8000) varbinary(1) varbinary(8000) varbinary(max) uniqueidentifier xml sql_variant hierarchyid geography
geometry text ntext image""".split()
COLLATIONS = ["Latin1_General_CI_AS", "Latin1_General_100_BIN2", "Cyrillic_General_CI_AS", "SQL_Latin1_General_CP1_CI_AS"]
# What no key takes, nor a unique constraint; of hierarchyid the sandbox's do not.
LARGE = ("max", "xml", "geography", "geometry", "text", "image", "8000", "4000", "hierarchyid")


def is_text(name):
    return name.split("(")[0] in ("char", "varchar", "nchar", "nvarchar", "text", "ntext")


def default(name):
    base = name.split("(")[0]
    if is_text(name):
        return "N'it''s' + N'x'" if base.startswith("n") else "'a;--b'"
    return {
        "date": "getdate()", "datetime": "getdate()", "smalldatetime": "getdate()", "datetime2": "sysutcdatetime()",
        "datetimeoffset": "sysdatetimeoffset()", "time": "'12:00'", "uniqueidentifier": "newid()", "xml": "N'<a/>'",
        "binary": "0x01", "varbinary": "0xFF00", "image": "0x", "sql_variant": "(1)", "bit": "1", "float": "-1.5e3",
        "real": "(1.25)", "money": "0.5",
    }.get(base, None if base in ("hierarchyid", "geography", "geometry") else "0")


def of_type(number, name):
    """A table with the type as a column, as a key, beside a key."""
    collation = f" COLLATE {COLLATIONS[number % len(COLLATIONS)]}" if is_text(name) else ""
    value = default(name)
    lines = ["id int NOT NULL", f"a {name}{collation} NULL", f"b {name}{collation} NOT NULL"]
    if value:
        lines[1] += f" CONSTRAINT DF_type_{number} DEFAULT {value}"
        lines[2] += f" DEFAULT ({value})"
    small = not any(part in name for part in LARGE)
    if small and name != "sql_variant":
        lines.append(f"CONSTRAINT PK_type_{number} PRIMARY KEY {'NON' if number % 2 else ''}CLUSTERED (b{' DESC' if number % 3 else ''}, id)")
    else:
        lines.append(f"CONSTRAINT PK_type_{number} PRIMARY KEY (id)")
    if small:
        lines.append(f"{f'CONSTRAINT UQ_type_{number} ' if number % 2 else ''}UNIQUE (a, id)")
    sql = [f"CREATE TABLE types.t{number} ({', '.join(lines)})"]
    if small:
        sql.append(f"CREATE INDEX ix_a ON types.t{number} (a DESC) INCLUDE (b)")
        sql.append(f"CREATE UNIQUE INDEX ux ON types.t{number} (id) WHERE a IS NOT NULL")
    elif name not in ("text", "ntext", "image"):
        sql.append(f"CREATE INDEX ix_id ON types.t{number} (id DESC) INCLUDE (a, b) WITH (FILLFACTOR = 70, PAD_INDEX = ON)")
    return sql


def wide():
    columns = [f"[column {n}] {TYPES[n % 23]} {'NULL' if n % 3 else 'NOT NULL'}" for n in range(1024)]
    return [f"CREATE TABLE types.wide ({', '.join(columns)})"]


print("CREATE SCHEMA types\nGO")
for number, name in enumerate(TYPES):
    print(";\n".join(of_type(number, name)))
    print("GO")
print("\n".join(wide()))
print("GO")
