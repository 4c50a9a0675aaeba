"""Judges every statement that the tools sent: statements.py RECORD SINCE SOURCE.sql TARGET.sql

RECORD is what replica-sandbox --record wrote; SINCE says since when there is what the statements ask the server for;
the other files make the tables of the databases replica_source and replica_target. Two parsers of Microsoft's (ScriptDom, the compiler's grammar, and SqlParser,
that of SSMS) read each statement as each version would. DacFx binds its names, under each version, to the tables and to what SINCE says that this
version has. Prints what is wrong and exits with 1, or prints the counts."""
import json
import re
import sys

import dotnet

dotnet.load(
    "Microsoft.SqlServer.TransactSql.ScriptDom", "Microsoft.SqlServer.SqlParser",
    "Microsoft.SqlServer.Dac", "Microsoft.SqlServer.Dac.Extensions",
)
import Microsoft.SqlServer.Dac.Model as Model  # noqa: E402
import Microsoft.SqlServer.Management.SqlParser.Common as Common  # noqa: E402
import Microsoft.SqlServer.Management.SqlParser.Parser as Parser  # noqa: E402
import Microsoft.SqlServer.TransactSql.ScriptDom as Dom  # noqa: E402
from System.IO import StringReader  # noqa: E402

from since import Since  # noqa: E402

# Versions as the parsers number them, and the year that they are known by.
# What is sent to later versions alone, which the tools tell by the version that the server says.
LATER = {2012: re.compile(r" WITH \(WAIT_AT_LOW_PRIORITY \([^)]*\)\)")}
YEARS = {110: 2012, 120: 2014, 130: 2016, 140: 2017, 150: 2019}
# Azure SQL has what the newest version has.
AZURE = 9999
# Application Name, unless the connection string has another (replica_core::config).
PROGRAM = "sql-server-replica"
DATABASES = ("replica_source", "replica_target")


class Statement:
    def __init__(self, sql, parameters, database, tables=()):
        """`tables`: what makes the temporary tables of the session that it names."""
        self.sql, self.parameters, self.database, self.tables = sql, parameters, database, tables
        self.is_bulk = sql.upper().startswith("INSERT BULK")

    def __str__(self):
        return " ".join(self.sql.split())[:300]


# A table of the session alone.
TEMPORARY = re.compile(r"CREATE\s+TABLE\s+(\[#\w+\])", re.IGNORECASE)


# A statement within a statement, and its parameters.
WITHIN = re.compile(r"\bsp_executesql N'((?:[^']|'')*)', N'((?:[^']|'')*)'")


def recorded(path):
    """The distinct statements of the tools, in the order of their coming; what asks the sandbox for a fault is none."""
    distinct, temporary = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            ours = line["program"] == PROGRAM and line["database"] in DATABASES
            if ours and line.get("sql") and "sp_sandbox_" not in line["sql"]:
                key = line["sql"], line.get("parameters")
                made = temporary.setdefault(line["session"], {})
                if name := TEMPORARY.match(line["sql"]):
                    made[name[1]] = line["sql"]
                tables = [sql for name, sql in made.items() if name in line["sql"] and sql != line["sql"]]
                within = [tuple(text.replace("''", "'") for text in call) for call in WITHIN.findall(line["sql"])]
                for key in [key, *within]:
                    distinct.setdefault(key, Statement(*key, line["database"], tables))
    return list(distinct.values())


# What each judge has to object to, or it judges nothing: the beginning of its name, and a statement.
CANARIES = {
    "ScriptDom": "SELECT 1 FROM",
    "SqlParser": "SELECT 1 WHERE",
    "DacFx": "SELECT no_such_column FROM dbo.heap",
    "DacFx 2012": "SELECT masking_function FROM sys.columns",
    "since": "SELECT STRING_AGG(label, N', ') FROM dbo.heap",
}


class Faults:
    """What is wrong, each said once with everyone who says it."""

    def __init__(self):
        self.said = {}

    def add(self, statement, judge, text):
        self.said.setdefault((str(statement), text), []).append(judge)

    def report(self):
        """Prints them, and those that were planted and not found; says how many."""
        missed = [
            f"judge: {judge} has no objection to: {statement}"
            for judge, statement in CANARIES.items()
            if not any(s == statement and any(j.startswith(judge) for j in by) for (s, _), by in self.said.items())
        ]
        found = [
            f"judge: {', '.join(judges)}: {text}\n    {statement}"
            for (statement, text), judges in self.said.items()
            if statement not in CANARIES.values()
        ]
        print("\n".join(found + missed), end="\n" if found or missed else "", file=sys.stderr)
        return len(found) + len(missed)


def as_sent(sql, year):
    """The statement as it would be sent to that version."""
    return LATER[year].sub("", sql) if year in LATER else sql


def parse(statements, faults):
    for version, year in YEARS.items():
        parser, judge = getattr(Dom, f"TSql{version}Parser")(True), f"ScriptDom {year}"
        for statement in statements:
            sql = as_sent(statement.sql, year)
            # ScriptDom does not know KEEP_NULLS here, which SqlBulkCopy and BCP send as well.
            sql = sql.replace("KEEP_NULLS, ", "").replace("KEEP_NULLS", "") if statement.is_bulk else sql
            for error in parser.Parse(StringReader(sql.replace(" WITH ()", "")), None)[1]:
                faults.add(statement, judge, f"line {error.Line}, column {error.Column}: {error.Message}")
    for version, year in {**YEARS, "Azure": "Azure"}.items():
        number = version if version == "Azure" else f"Version{version}"
        options = Parser.ParseOptions(
            "GO", True, getattr(Common.DatabaseCompatibilityLevel, number), getattr(Common.TransactSqlVersion, number)
        )
        for statement in statements:
            for error in Parser.Parser.Parse(as_sent(statement.sql, year), options).Errors:
                faults.add(statement, f"SqlParser {year}", f"line {error.Start.LineNumber}: {error.Message}")


# What is followed by a parenthesis and is no function: syntax, types.
WORDS = set("""
    ALL AND ANY AS BETWEEN BY CHECK CHECKIDENT CLUSTERED EXEC EXISTS FOREIGN FROM IDENTITY IF IN INCLUDE INTO JOIN KEY NONCLUSTERED NOT ON OR ORDER OUTPUT OVER
    RESEED SELECT SET SYSTEM TABLE THEN TOP UNION UNIQUE VALUES WAIT_AT_LOW_PRIORITY WHEN WHERE WITH
    BINARY CHAR DATETIME2 DATETIMEOFFSET DECIMAL FLOAT NCHAR NUMERIC NVARCHAR SYSNAME TIME VARBINARY VARCHAR
""".split())


def called(sql):
    """The functions and @@variables that a statement uses, in capitals."""
    bare = re.sub(r"--[^\n]*|N?'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]", " ' ", sql)
    names = re.findall(r"(?<![\w@.])(?<!AS )([A-Za-z_]\w*)\s*\(|(@@\w+)", bare)
    return {(function or variable).upper() for function, variable in names} - WORDS


# What becomes part of a model: tables, and what their columns and places need. Nothing else has names that others refer to.
DEFINITION = re.compile(r"CREATE\s+(TABLE|VIEW|SCHEMA|PARTITION)\b", re.IGNORECASE)

# As far as the name: staging tables of one name come and go, in several forms, and a model has one of them.
NAMED = re.compile(r"CREATE\s+(PARTITION\s+)?\w+\s+(\[(?:[^\]]|\]\])*\]|[\w.])+", re.IGNORECASE)


def definitions(sql, parser=Dom.TSql150Parser(True)):
    """The objects that a script or a statement makes, each as a statement of its own."""
    if not DEFINITION.search(sql):
        return
    for batch in parser.Parse(StringReader(sql), None)[0].Batches:
        for statement in batch.Statements:
            text = sql[statement.StartOffset : statement.StartOffset + statement.FragmentLength]
            if DEFINITION.match(text) and not TEMPORARY.match(text):
                yield text


def batches(path):
    with open(path, encoding="utf-8") as file:
        return [batch for batch in re.split(r"(?im)^go\s*$", file.read()) if batch.strip()]


def is_of_changes(statement, reference):
    """DacFx knows no columns of CHANGETABLE, which are those of the key of the table that it names."""
    return "FROM CHANGETABLE(CHANGES " in statement.sql and re.fullmatch(r"object \[\w+\]", reference)


def is_of_call(reference):
    """DacFx knows no parameters of sp_executesql but its own: the statement's are named behind them."""
    return re.fullmatch(r"object \[dbo\]\.\[sp_executesql\]\.\[@\w+\]", reference)


def bind(statements, scripts, since, faults):
    """Every statement becomes a procedure of a model, and DacFx says which of its names mean nothing."""
    bound = [statement for statement in statements if not statement.is_bulk]
    for database, script in zip(DATABASES, scripts):
        mine = [statement for statement in bound if statement.database == database]
        made = {}
        for sql in [*script, *(statement.sql for statement in mine)]:
            for definition in definitions(sql):
                made.setdefault(NAMED.match(definition)[0], definition)
        for version, year in {**YEARS, "Azure": AZURE}.items():
            model = Model.TSqlModel(getattr(Model.SqlServerVersion, f"Sql{version}"), Model.TSqlModelOptions())
            for definition in [*since.definitions(year), *made.values()]:
                model.AddObjects(definition)
            for number, statement in enumerate(mine):
                parameters = statement.parameters or ""
                tables = "".join(f"{sql};\n" for sql in statement.tables)
                try:
                    model.AddObjects(f"CREATE PROCEDURE dbo.judged_{number} {parameters} AS\n{tables}{as_sent(statement.sql, year)}\n")
                except Exception as error:  # of .NET
                    faults.add(statement, f"DacFx {version if year == AZURE else year}", str(error.Message))
            for message in model.Validate():
                found = re.search(r"\[judged_(\d+)\] has an unresolved reference to (.*?)\.?$", message.Message)
                known = found and (
                    since.is_handled(found[2], year)
                    or is_of_changes(mine[int(found[1])], found[2])
                    or is_of_call(found[2])
                )
                if found and not known:
                    judge = f"DacFx {version if year == AZURE else year}"
                    faults.add(mine[int(found[1])], judge, f"no such name: {found[2]}")
    return len(bound)


def main():
    record, since, *scripts = sys.argv[1:]
    statements, since, faults = recorded(record), Since(since), Faults()
    planted = [Statement(sql, None, DATABASES[0]) for sql in CANARIES.values()]
    parse(statements + planted, faults)
    count = bind(statements + planted[2:], [batches(script) for script in scripts], since, faults)
    for statement in statements + planted:
        for function in sorted(called(statement.sql)):
            if fault := since.fault_of(function):
                faults.add(statement, "since", fault)
    for name in since.unused(statement.sql for statement in statements):
        faults.add(name, "since", "nothing asks for it")
    if faults.report():
        sys.exit(1)
    years = f"{min(YEARS.values())} to {max(YEARS.values())}"
    print(f"judge: {len(statements)} statements parsed by ScriptDom and SqlParser as {years} and Azure, {count - len(planted[2:])} bound by DacFx as {years} and Azure")


if __name__ == "__main__":
    main()
