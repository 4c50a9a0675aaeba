"""What since.tsv says: which catalog views, columns and functions there are since which version of SQL Server."""
import re

OLDEST = 2012


class Row:
    def __init__(self, what, since, names, older=""):
        self.what, self.since, self.names, self.older = what, int(since), names.split(), older

    def all_names(self):
        """Its own, and its columns'."""
        own = self.what.removesuffix("()")
        return {own, *(f"{own}.{name}" for name in self.names)}


class Since:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
        rows = [Row(*line.split("\t")) for line in lines]
        self.views = [row for row in rows if row.what.startswith("sys.") and not row.what.endswith("()")]
        # Views of other databases, and functions in FROM: no model has them.
        self.elsewhere = [row for row in rows if row.what.count(".") == 2 or row.what.endswith("()")]
        self.procedures = [row for row in rows if row.what.startswith("sp_")]
        self.functions = {name: row for row in rows if row.what == "functions" for name in row.names}

    def definitions(self, year):
        """The views of a version, as tables, and its procedures: only names count here, of columns and parameters, too."""
        views = {}
        for row in self.views:
            if row.since <= year:
                views.setdefault(row.what, []).extend(row.names)
        tables = [f"CREATE TABLE {view} ({', '.join(f'[{n}] int' for n in names)})" for view, names in views.items()]
        procedures = [
            f"CREATE PROCEDURE dbo.{row.what} {', '.join(f'{n} int' for n in row.names)} AS RETURN 0"
            for row in self.procedures
            if row.since <= year
        ]
        return tables + procedures

    def is_handled(self, reference, year):
        """Is this a name that no model has, or that the version lacks and that is asked for all the same, for a reason?"""
        name = re.sub(r"[\[\]]", "", reference.split(" ")[-1]).lower()
        elsewhere = [row for row in self.elsewhere if row.since <= year or row.older]
        known = [row for row in self.views if row.since > year and row.older]
        return any(name in row.all_names() for row in elsewhere + known)

    def fault_of(self, function):
        row = self.functions.get(function)
        if row is None:
            return f"{function} is not in since.tsv"
        if row.since > OLDEST and not row.older:
            return f"{function} came with SQL Server {row.since}"
        return None

    def unused(self, statements):
        """What no statement asks for."""
        texts = [statement.lower() for statement in statements]
        for row in self.views + self.procedures + self.elsewhere:
            about = [text for text in texts if row.what.removesuffix("()") in text]
            for name in row.names:
                if not any(re.search(rf"(?<!\w){name.lower()}\b", text) for text in about):
                    yield f"{row.what}.{name}"
        for name in self.functions:
            if not any(re.search(rf"{name.lower()}\b", text) for text in texts):
                yield name
