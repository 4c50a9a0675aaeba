"""Judges the tables that sync-replica-schema makes: replica_tables.py RECORD DATABASE SOURCE.sql MADE.sql

RECORD is what replica-sandbox --record wrote, with the statements that made the tables of DATABASE. SOURCE.sql made the
source's tables, MADE.sql is what the tool's --sql printed. Microsoft's two parsers read each statement as each version
would, and DacFx makes a model of either script. All properties and relationships of all objects in the two models are
compared; what differs has to be in the policy's list (docs/SCHEMA.md). Prints what is wrong and exits with 1."""
import json
import re
import sys

import dotnet

dotnet.load("Microsoft.SqlServer.TransactSql.ScriptDom", "Microsoft.SqlServer.Dac", "Microsoft.SqlServer.Dac.Extensions")
import Microsoft.SqlServer.Dac.Model as Model  # noqa: E402
import Microsoft.SqlServer.TransactSql.ScriptDom as Dom  # noqa: E402
from System.IO import StringReader  # noqa: E402

from statements import PROGRAM, Faults, Statement, parse  # noqa: E402

# The last version that this DacFx knows.
VERSION = Model.SqlServerVersion.Sql150


def batches(path):
    with open(path, encoding="utf-8") as file:
        return [batch for batch in re.split(r"(?im)^go\s*$", file.read()) if batch.strip()]


def expression(text):
    """Without blanks, brackets, parentheses and letters' case: a server keeps them as it likes."""
    tokens = Dom.TSql150Parser(True).GetTokenStream(StringReader(text), None)[0]
    words = []
    for token in tokens:
        kind = str(token.TokenType)
        if kind in ("WhiteSpace", "LeftParenthesis", "RightParenthesis", "EndOfFile", "SingleLineComment"):
            continue
        if kind == "QuotedIdentifier":
            words.append(token.Text[1:-1].replace("]]", "]").lower())
        else:
            words.append(token.Text if kind.endswith("Literal") and "'" in token.Text else token.Text.lower())
    return " ".join(words)


def statements_of(batch, parser=Dom.TSql150Parser(True)):
    """The statements of a batch, each by itself; those that only set options mean nothing to a model."""
    tree, errors = parser.Parse(StringReader(batch), None)
    for error in errors:
        raise SystemExit(f"judge: line {error.Line}: {error.Message}\n{batch}")
    for statement in (statement for one in tree.Batches for statement in one.Statements):
        if not statement.GetType().Name.startswith(("PredicateSet", "SetOnOff")):
            yield batch[statement.StartOffset : statement.StartOffset + statement.FragmentLength].rstrip(";")


def model(batch_list):
    """What a script makes, and what DacFx objects to."""
    made, problems = Model.TSqlModel(VERSION, Model.TSqlModelOptions()), []
    for text in (text for batch in batch_list for text in statements_of(batch)):
        try:
            made.AddObjects(text)
        except Exception as error:  # of .NET
            problems.append(f"{str(error.Message).splitlines()[-1]}\n    {' '.join(text.split())[:300]}")
    problems += [str(message.Message) for message in made.Validate() if str(message.MessageType) == "Error"]
    return made, problems


EXPRESSIONS = {"Expression", "FilterPredicate"}


def properties(one):
    facts = {}
    for prop in one.ObjectType.Properties:
        try:
            value = one.GetProperty(prop)
        except Exception:  # of .NET: it has none
            continue
        if value is not None and str(value) != "":
            text = str(value)
            facts[prop.Name] = expression(text) if prop.Name in EXPRESSIONS else text
    return facts


def name_of(parts):
    return ".".join(f"[{part}]" for part in parts)


def relations(one, descending):
    facts = {}
    for relation in one.ObjectType.Relationships:
        try:
            found = list(one.GetReferencedRelationshipInstances(relation))
        except Exception:  # of .NET: not of this kind
            continue
        names = []
        for instance in found:
            if relation.Name == "DataCompressionOptions":
                level = instance.Object.GetProperty(Model.DataCompressionOption.CompressionLevel)
                names.append(f"level {level}")
                continue
            name = name_of(instance.ObjectName.Parts)
            if relation.Name == "Columns" and descending is not None:
                try:
                    name += "" if str(instance.GetProperty(descending)) == "True" else " DESC"
                except Exception:  # of .NET: a columnstore's columns have no order
                    pass
            names.append(name)
        if relation.Name == "IncludedColumns":
            names.sort()
        if names:
            facts[relation.Name] = ", ".join(names)
    return facts


ASCENDING = {
    "Index": Model.Index.ColumnsRelationship.Ascending,
    "PrimaryKeyConstraint": Model.PrimaryKeyConstraint.ColumnsRelationship.Ascending,
    "UniqueConstraint": Model.UniqueConstraint.ColumnsRelationship.Ascending,
}
# An expression's own dependencies follow from its text; where a table's columns are is asked of each column.
LEFT_OUT = {"ExpressionDependencies", "BodyDependencies", "Schema"}


def facts_of(made):
    """Every object by its kind and name, with all that is known of it; a constraint without a name by what it is."""
    objects = {}
    for one in made.GetObjects(Model.DacQueryScopes.UserDefined):
        kind = one.ObjectType.Name
        if kind in ("DatabaseOptions", "DataCompressionOption"):
            continue
        facts = {**properties(one), **relations(one, ASCENDING.get(kind))}
        facts = {name: value for name, value in facts.items() if name not in LEFT_OUT}
        name = name_of(one.Name.Parts) if one.Name.HasName else "unnamed " + json.dumps(
            [facts.get(key) for key in ("Host", "Columns", "TargetColumn", "Expression", "ForeignTable")]
        )
        objects[kind, name] = facts
    for table in made.GetObjects(Model.DacQueryScopes.UserDefined, Model.Table.TypeClass):
        for column in table.GetReferenced(Model.Table.Columns):
            facts = {**properties(column), **relations(column, None)}
            objects["Column", name_of(column.Name.Parts)] = {k: v for k, v in facts.items() if k not in LEFT_OUT}
    return objects


# What a replica has otherwise than its source: kind, property, and what the source has there.
POLICY = [
    ("Column", r"IsIdentity|Identity\w+", None, "no identity"),
    ("Column", r"Sparse|IsRowGuidCol|MaskingFunction|IsMasked|GeneratedAlwaysType", None, "dropped"),
    ("ForeignKeyConstraint", r"DeleteAction|UpdateAction", None, "no actions"),
    # FILLFACTOR = 100 is the default by another name.
    (r"Index|PrimaryKeyConstraint|UniqueConstraint", "FillFactor", "100", "the default"),
    # The script leaves out a collation that is the database's, and the tool says it.
    ("Column", "Collation", "", "said"),
]
# A column that is computed, a rowversion or of an alias type at the source: what is compared of it is its name.
STORED = ("Expression", "[timestamp]", "[rowversion]", "[sys].[sysname]")


def is_policy(kind, prop, was):
    return any(
        re.fullmatch(kinds, kind) and re.fullmatch(props, prop) and (value is None or value == was)
        for kinds, props, value, _ in POLICY
    )


def differences(source, made):
    for key in sorted(source.keys() - made.keys()):
        yield key, "only in the source's script"
    for key in sorted(made.keys() - source.keys()):
        yield key, "only in the tool's script"
    for key in sorted(source.keys() & made.keys()):
        was, now = source[key], made[key]
        if key[0] == "Column" and any(mark in was or mark in was.values() for mark in STORED):
            continue
        for prop in sorted(was.keys() | now.keys()):
            one, other = was.get(prop, ""), now.get(prop, "")
            if one != other and not is_policy(key[0], prop, one):
                yield key, f"{prop}: {one or '(none)'} became {other or '(none)'}"


def recorded(path, database):
    with open(path, encoding="utf-8") as lines:
        sent = [line for line in map(json.loads, lines) if line["program"] == PROGRAM and line.get("database") == database]
    distinct = dict.fromkeys(line["sql"] for line in sent if re.match(r"(CREATE|ALTER|DROP) ", line.get("sql") or ""))
    return [Statement(sql, None, database) for sql in distinct]


def main():
    record, database, source_path, made_path = sys.argv[1:]
    wrong = []
    statements = recorded(record, database)
    faults = Faults()
    # Columnstores of these kinds came later; the tool leaves them out before (docs/SCHEMA.md).
    parse([statement for statement in statements if "COLUMNSTORE" not in statement.sql], faults)
    parse_all = [Statement("CREATE TABLE dbo.t (id int NOT NULL,, n int)", None, database)]
    canary = Faults()
    parse(parse_all, canary)
    if not canary.said:
        wrong.append("the parsers have no objection to a table with two commas")
    wrong += [f"{', '.join(judges)}: {text}\n    {statement}" for (statement, text), judges in faults.said.items()]
    source, problems = model(batches(source_path))
    wrong += [f"DacFx, the source's script: {problem}" for problem in problems]
    made, problems = model(batches(made_path))
    wrong += [f"DacFx, the tool's script: {problem}" for problem in problems]
    was, now = facts_of(source), facts_of(made)
    wrong += [f"{kind} {name}: {text}" for (kind, name), text in differences(was, now)]
    # Two models that differ have to be told apart, or nothing is judged.
    changed, _ = model([*batches(source_path), "CREATE TABLE dbo.canary (id int NOT NULL)"])
    other, _ = model([*batches(source_path), "CREATE TABLE dbo.canary (id bigint NULL)"])
    if len(list(differences(facts_of(changed), facts_of(other)))) != 2:
        wrong.append("DacFx does not tell int NOT NULL from bigint NULL")
    tables = sum(kind == "Table" for kind, _ in was)
    if wrong:
        print("\n".join(f"judge: {text}" for text in wrong), file=sys.stderr)
        sys.exit(1)
    print(f"judge: {tables} tables made by {len(statements)} statements, equal for DacFx to their source's in {len(was)} objects but for the policy")


main()
