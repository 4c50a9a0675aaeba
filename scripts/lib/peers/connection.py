"""ADO.NET connection strings, as the tools take them, in the forms that the peers take."""
import re

PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^;]*)\s*(?:;|$)""")
NAMES = {
    "server": ("server", "datasource", "address", "addr", "networkaddress"),
    "user": ("userid", "uid", "user"),
    "password": ("password", "pwd"),
    "database": ("database", "initialcatalog"),
}


def braced(value):
    """As ODBC has values with any characters."""
    return "{" + value.replace("}", "}}") + "}"


class Connection:
    def __init__(self, text):
        given = {}
        for key, value in PAIR.findall(text):
            if value[:1] in ("'", '"') and len(value) > 1:
                value = value[1:-1].replace(value[0] * 2, value[0])
            given[key.replace(" ", "").lower()] = value
        for name, keys in NAMES.items():
            setattr(self, name, next((given[key] for key in keys if key in given), ""))
        self.server = re.sub(r"^tcp:", "", self.server)
        host, _, port = self.server.partition(",")
        self.host, self.port = host, port or "1433"

    def odbc(self):
        return f"Server={self.server};UID={braced(self.user)};PWD={braced(self.password)}"
