"""Has Microsoft's BCP and SqlBulkCopy load what the tools have loaded, and compares: compare.py RECORD PORT

There is the tools' copy in replica_target, and two more are made here: by BCP in replica_bcp, by SqlBulkCopy in
replica_sqlclient. What BCP writes of the source and of each copy has to be the same file. The bulk loads of BCP and of the
tools have to have the same bytes, but for the differences that docs/WIRE.md lists by name. RECORD is what
replica-sandbox --record wrote."""
import filecmp
import json
import re
import sys
import tempfile

import dotnet
from bcp import Bcp
from bulk import NTEXT, VARIANT, Load

dotnet.load("System.Data.SqlClient")
import System.Data.SqlClient as SqlClient  # noqa: E402

LOGIN = "UID=sa;PWD=Replica-Sandbox-1"
SOURCE, TARGET = "replica_source", "replica_target"
TOOLS = "sql-server-replica"
# Each table with its key, and what BCP is told of the load.
TABLES = {"dbo.every_type": "id", "dbo.APP_4_SALES": "SALE_DATE, SALE_ID"}
HINTS = "TABLOCK"
CLR_TYPES = ("hierarchyid", "geography", "geometry")
# SqlBulkCopy writes xml anew and makes every decimal in a sql_variant a numeric(38): these do not arrive as they were.
CHANGED_BY_SQLCLIENT = ("xml", "sql_variant")
PLP = "PLP of unknown length"
CASE_SENSITIVE = 0x02
# Where in a sql_variant's body the declared length of a char, varchar, nchar, nvarchar, binary or varbinary is.
LENGTHS = {0xAF: 7, 0xA7: 7, 0xEF: 7, 0xE7: 7, 0xAD: 2, 0xA5: 2}


def connection(port, database):
    text = f"Server=127.0.0.1,{port};Database={database};User ID=sa;Password=Replica-Sandbox-1;Encrypt=false;Application Name=SqlBulkCopy"
    return SqlClient.SqlConnection(text)


def columns(port, table):
    """Those that a load can fill, each with its type."""
    with connection(port, SOURCE) as open_:
        open_.Open()
        command = open_.CreateCommand()
        command.CommandText = (
            "SELECT c.name, t.name FROM sys.columns AS c JOIN sys.types AS t ON t.user_type_id = c.user_type_id "
            f"WHERE c.object_id = OBJECT_ID('{table}') AND t.name <> 'timestamp' AND c.is_computed = 0 ORDER BY c.column_id"
        )
        reader, types = command.ExecuteReader(), {}
        while reader.Read():
            types[str(reader[0])] = str(reader[1])
        return types


def sql_bulk_copy(port, table, types):
    # SqlClient has CLR types as bytes, if nobody gives it the assembly that has them.
    bytes_of = "CAST([{0}] AS varbinary(max)) AS [{0}]"
    selected = ", ".join((bytes_of if kind in CLR_TYPES else "[{0}]").format(name) for name, kind in types.items())
    options = SqlClient.SqlBulkCopyOptions
    with connection(port, SOURCE) as source, connection(port, "replica_sqlclient") as target:
        source.Open()
        target.Open()
        command = source.CreateCommand()
        command.CommandText = f"SELECT {selected} FROM {table} ORDER BY {TABLES[table]}"
        copy = SqlClient.SqlBulkCopy(target, options.KeepIdentity | options.KeepNulls | options.TableLock, None)
        copy.DestinationTableName = table
        for name in types:
            copy.ColumnMappings.Add(name, name)
        copy.WriteToServer(command.ExecuteReader())


def last_load(record, database, program, table, rows):
    """The statement and the message of the last load of so many rows into a table."""
    pattern = re.compile(r"insert bulk (\[?replica_\w+\]?\.)?\[?dbo\]?\.\[?" + table.split(".")[1] + r"\]? ?\(", re.IGNORECASE)
    announced, found = {}, None
    with open(record, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["database"] != database or line["program"] != program:
                continue
            if line["kind"] == "batch":
                announced[line["session"]] = line["sql"]
            elif line["kind"] == "bulk" and pattern.match(announced.get(line["session"], "")):
                load = Load(bytes.fromhex(line["bytes"]))
                found = (announced[line["session"]], load) if len(load.rows) == rows else found
    if found is None:
        sys.exit(f"judge: no load of {rows} rows into {table} in {database} by {program} was recorded")
    return found


def differences(ours, theirs):
    """What is not the same in two loads: the column, the aspect, ours, theirs."""
    names, their_names = [[column.name for column in load.columns] for load in (ours, theirs)]
    if sorted(names) != sorted(their_names) or len(ours.rows) != len(theirs.rows):
        yield None, "columns or rows", (names, len(ours.rows)), (their_names, len(theirs.rows))
        return
    if names != their_names:
        yield None, "order of columns", names, their_names
    for index, mine in enumerate(ours.columns):
        their_index = their_names.index(mine.name)
        for aspect in ("user_type", "flags", "token", "width", "detail", "collation", "table"):
            pair = getattr(mine, aspect), getattr(theirs.columns[their_index], aspect)
            if pair[0] != pair[1]:
                yield mine, aspect, *pair
        for row, their_row in zip(ours.rows, theirs.rows):
            (value, framing), (their_value, their_framing) = row[index], their_row[their_index]
            if value != their_value:
                yield mine, "value", value, their_value
            elif framing != their_framing and value is not None:
                yield mine, "framing", framing, their_framing
    if ours.done != theirs.done:
        yield None, "DONE", ours.done, theirs.done


def declared(statement):
    """The columns of an INSERT BULK: name and type, in small letters."""
    depth, items = 0, [""]
    for character in statement[statement.index("(") + 1 :]:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == "," and depth == 0:
            items.append("")
        else:
            items[-1] += character
    pairs = (re.match(r"\[?(\w+)\]?\s+(.*)", item.strip()) for item in items)
    return {pair[1]: " ".join(pair[2].lower().split()) for pair in pairs}


def documented(page="docs/WIRE.md"):
    """The names of the differences that the page lists."""
    with open(page, encoding="utf-8") as file:
        section = file.read().partition("\n## Bulk loads by BCP\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| (?!name |-)(.+?) \|", section, re.MULTILINE))


# The differences between the tools' loads and BCP's, by the names that docs/WIRE.md, "Bulk loads by BCP", lists.
def known(column, aspect, ours, theirs):
    token = column and column.token
    if aspect == "order of columns":
        return "(max) last"
    if token in (0x6A, 0x6C) and aspect == "width" and (ours, theirs) == (17, 19):
        return "decimals of 17 bytes"
    if token in (0x6A, 0x6C) and aspect == "value" and ours.ljust(17, b"\0") == theirs:
        return "decimals of 17 bytes"
    if aspect == "framing" and ours.startswith(PLP) and theirs.startswith(PLP):
        return "sizes of chunks"
    if aspect == "table" and theirs == "":
        return "no table name"
    if aspect == "width" and (token, ours, theirs) in ((NTEXT, 0x7FFFFFFE, 0x7FFFFFFF), (VARIANT, 8009, 8000)):
        return "widths of ntext and sql_variant"
    if aspect == "flags" and ours ^ theirs == CASE_SENSITIVE:
        return "no flag for case"
    if token == VARIANT and aspect == "value" and ours[0] in LENGTHS:
        at = LENGTHS[ours[0]]
        if ours[:at] + ours[at + 2 :] == theirs[:at] + theirs[at + 2 :]:
            return "declared length in a sql_variant"
    if aspect == "declared" and ours.replace("decimal(", "numeric(") == theirs:
        return "numeric as decimal"
    if aspect == "declared" and re.fullmatch(re.escape(ours) + r" collate \w+", theirs) and ours.startswith("n"):
        return "COLLATE of national text"
    return None


def compare_loads(record, table, rows):
    """What the tools sent for a table and what BCP sent: the types, what is wrong, which known differences there are."""
    (our_statement, ours), (their_statement, theirs) = (
        last_load(record, database, program, table, rows) for database, program in ((TARGET, TOOLS), ("replica_bcp", "bcp"))
    )
    our_types, their_types = declared(our_statement), declared(their_statement)
    found = list(differences(ours, theirs))
    found += [
        (column, "declared", our_types.get(column.name), their_types.get(column.name))
        for column in ours.columns
        if our_types.get(column.name) != their_types.get(column.name)
    ]
    faults, names = [], set()
    for column, aspect, mine, other in found:
        if name := known(column, aspect, mine, other):
            names.add(name)
        else:
            faults.append(f"{table}, {column.name if column else 'all'}: {aspect}: the tools {short(mine)}, BCP {short(other)}")
    return our_types.values(), faults, names


def short(what):
    text = what.hex() if isinstance(what, bytes) else hex(what) if isinstance(what, int) else str(what)
    return text if len(text) < 100 else f"{text[:100]}..."


def main():
    record, port = sys.argv[1:]
    faults, differences_seen, types = [], set(), set()
    with tempfile.TemporaryDirectory() as folder:
        for table, key in TABLES.items():
            column_types = columns(port, table)
            kept = [name for name, kind in column_types.items() if kind not in CHANGED_BY_SQLCLIENT]

            def out(database, names=column_types):
                """BCP's file of a table, and its number of rows."""
                file = f"{folder}/{table}.{database}.{len(names)}"
                query = f"SELECT {', '.join(f'[{name}]' for name in names)} FROM {table} ORDER BY {key}"
                return file, Bcp(f"Server=127.0.0.1,{port};{LOGIN}", database).out(query, file)

            file, rows = out(SOURCE)
            loaded = Bcp(f"Server=127.0.0.1,{port};{LOGIN}", "replica_bcp").into(table, file, HINTS)
            if loaded != rows:
                faults.append(f"{table}: BCP loads {loaded} of the {rows} rows that it has written")
            sql_bulk_copy(port, table, column_types)
            for database, names in ((TARGET, column_types), ("replica_bcp", column_types), ("replica_sqlclient", kept)):
                if not filecmp.cmp(out(SOURCE, names)[0], out(database, names)[0], shallow=False):
                    faults.append(f"{table}: BCP writes another file of {database} than of the source")
            ours, wrong, found = compare_loads(record, table, rows)
            types.update(re.sub(r" collate.*", "", declared_type) for declared_type in ours)
            faults += wrong
            differences_seen |= found
    faults += [f"{name}: docs/WIRE.md does not list this difference" for name in differences_seen - documented()]
    faults += [f"{name}: docs/WIRE.md lists this, and no load differs so" for name in documented() - differences_seen]
    for fault in dict.fromkeys(faults):
        print(f"judge: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)
    print(
        f"judge: {len(types)} types compared: BCP writes the same file of the source, of the tools' copy, of its own and of "
        f"SqlBulkCopy's; it sends the bytes that the tools send, but for {len(differences_seen)} known differences"
    )


main()
