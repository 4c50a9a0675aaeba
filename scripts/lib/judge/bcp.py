"""Microsoft's BCP API, which its ODBC driver carries, by name and by the folder of the package mssql-python-odbc."""
import ctypes
import importlib.util
import pathlib

# Of msodbcsql.h and sql.h.
COPT_SS_BCP, BCP_ON = 1219, 1
DB_IN, DB_OUT = 1, 2
BATCH, KEEP_NULLS, KEEP_IDENTITY, HINTS = 4, 5, 8, 11
NATIVE_TEXT_MODE = 3
SUCCEED = 1
HANDLE_ENV, HANDLE_DBC = 1, 2

odbc = ctypes.CDLL("libodbc.so.2")
package = pathlib.Path(importlib.util.find_spec("mssql_python_odbc").origin).parent
path = str(next(package.glob("libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18*")))
driver = ctypes.CDLL(path)


def wide(text):
    return (text + "\0").encode("utf-16-le")


class Bcp:
    """A connection that copies tables in and out."""

    def __init__(self, server, database):
        self.handle = ctypes.c_void_p()
        environment = ctypes.c_void_p()
        odbc.SQLAllocHandle(ctypes.c_short(HANDLE_ENV), None, ctypes.byref(environment))
        odbc.SQLSetEnvAttr(environment, ctypes.c_int(200), ctypes.c_void_p(3), ctypes.c_int(0))
        odbc.SQLAllocHandle(ctypes.c_short(HANDLE_DBC), environment, ctypes.byref(self.handle))
        self._odbc("SQLSetConnectAttrW", ctypes.c_int(COPT_SS_BCP), ctypes.c_void_p(BCP_ON), ctypes.c_int(-6))
        connection = f"DRIVER={{{path}}};{server};Database={database};APP=bcp;Encrypt=no;TrustServerCertificate=yes"
        self._odbc("SQLDriverConnectW", None, wide(connection), ctypes.c_short(-3), None, ctypes.c_short(0), None, ctypes.c_ushort(0))

    def out(self, query, file):
        """Writes the rows of a query, as bcp -N does: native, and text in UTF-16."""
        self._bcp("bcp_initW", None, wide(file), wide(file + ".errors"), ctypes.c_int(DB_OUT))
        # Before the query is told.
        self._bcp("bcp_setbulkmode", ctypes.c_int(NATIVE_TEXT_MODE), None, ctypes.c_int(0), None, ctypes.c_int(0))
        self._bcp("bcp_control", ctypes.c_int(HINTS), wide(query))
        self._bcp("bcp_writefmtW", wide(file + ".format"))
        return self._execute()

    def into(self, table, file, hints, batch=None):
        """Loads what `out` has written: as one batch, or in batches of so many rows."""
        self._bcp("bcp_initW", wide(table), wide(file), wide(file + ".errors"), ctypes.c_int(DB_IN))
        if batch:
            self._bcp("bcp_control", ctypes.c_int(BATCH), ctypes.c_void_p(batch))
        self._bcp("bcp_control", ctypes.c_int(KEEP_IDENTITY), ctypes.c_void_p(1))
        self._bcp("bcp_control", ctypes.c_int(KEEP_NULLS), ctypes.c_void_p(1))
        self._bcp("bcp_control", ctypes.c_int(HINTS), wide(hints))
        self._bcp("bcp_readfmtW", wide(file + ".format"))
        return self._execute()

    def _execute(self):
        rows = ctypes.c_int()
        self._bcp("bcp_exec", ctypes.byref(rows))
        return rows.value

    def _bcp(self, function, *arguments):
        if getattr(driver, function)(self.handle, *arguments) != SUCCEED:
            raise RuntimeError(f"{function}: {self._diagnosis()}")

    def _odbc(self, function, *arguments):
        if getattr(odbc, function)(self.handle, *arguments) not in (0, 1):
            raise RuntimeError(f"{function}: {self._diagnosis()}")

    def _diagnosis(self):
        said = []
        for record in range(1, 6):
            state, number = ctypes.create_string_buffer(12), ctypes.c_int()
            text, length = ctypes.create_string_buffer(4000), ctypes.c_short()
            got = odbc.SQLGetDiagRecW(ctypes.c_short(HANDLE_DBC), self.handle, ctypes.c_short(record), state,
                                      ctypes.byref(number), text, ctypes.c_short(1900), ctypes.byref(length))
            if got not in (0, 1):
                break
            said.append(f"{number.value} {text.raw[: 2 * length.value].decode('utf-16-le')}")
        return " | ".join(said) or "no reason given"
