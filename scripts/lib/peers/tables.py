"""The tables that are copied, and what of them a peer goes without."""
import re

# Made anew by no load, so that every peer goes without it.
NEVER = r"rowversion\b"
COLUMN = re.compile(r"^    (\w+) (?!PRIMARY|UNIQUE)(.+?),?$", re.MULTILINE)
OLD_ROWS, NEW_ROWS = 3, 25_000


class Table:
    def __init__(self, name, create):
        self.name = name
        self.create = create
        self.columns = {column: definition for column, definition in COLUMN.findall(create) if column != "CONSTRAINT"}

    def without(self, refused):
        """The table less the columns whose definition matches one of the patterns."""
        pattern = re.compile("|".join((NEVER, *refused)))
        kept = lambda line: not ((column := COLUMN.match(line)) and column[1] in self.columns and pattern.match(column[2]))
        return Table(self.name, "\n".join(filter(kept, self.create.splitlines())))

    def statements(self):
        """What makes it anew, whether it is there or not: since SQL Server 2012."""
        return f"IF OBJECT_ID(N'{self.name}') IS NOT NULL DROP TABLE {self.name};\n{self.create}"

    def has(self, pattern):
        return any(re.search(pattern, definition) for definition in self.columns.values())


class Case:
    """A table, and which of its rows are copied by who is slow."""

    def __init__(self, name, table, few):
        self.name, self.table, self.few = name, table, few


def cases(ddl):
    """`ddl`: gives the statements of a data set of the sandbox's."""
    def table(data, name):
        create = next(text for text in ddl(data).split(";\n") if f"TABLE {name} (" in text)
        return Table(name, create.strip())

    return [
        Case("flights", table("nycflights13", "dbo.flights"), "flight_date <= '2013-01-07'"),
        Case("sales", table("sales", "dbo.APP_4_SALES"), "SALE_ID <= 1000"),
    ]


HALFWAY = Table(
    "dbo.halfway",
    "CREATE TABLE dbo.halfway (\n    id int NOT NULL,\n    label varchar(40) NOT NULL,\n"
    "    CONSTRAINT PK_halfway PRIMARY KEY CLUSTERED (id)\n)",
)


def halfway_source():
    """Batches that make rows of which the last is one that the target's key refuses."""
    yield HALFWAY.statements().replace(",\n    CONSTRAINT PK_halfway PRIMARY KEY CLUSTERED (id)", "")
    ids = [*range(1, NEW_ROWS), 1]
    for first in range(0, NEW_ROWS, 1000):
        values = ", ".join(f"({id}, 'a new row')" for id in ids[first : first + 1000])
        yield f"INSERT INTO {HALFWAY.name} VALUES {values}"


def halfway_target():
    values = ", ".join(f"({-id}, 'an old row')" for id in range(1, OLD_ROWS + 1))
    return f"{HALFWAY.statements()};\nINSERT INTO {HALFWAY.name} VALUES {values}"
