"""One half of a copy by Microsoft's BCP: bcp_copy.py out|in TABLE FILE QUERY|BATCH

From REPLICA_SOURCE to a native file, or from there to REPLICA_TARGET, as `bcp -N` with `-b BATCH -h TABLOCK -k -E`."""
import os
import sys

from connection import Connection
from driver import Bcp

way, table, file, more = sys.argv[1:]
connection = Connection(os.environ["REPLICA_SOURCE" if way == "out" else "REPLICA_TARGET"])
bcp = Bcp(connection.odbc(), connection.database)
if way == "out":
    bcp.out(more, file)
else:
    bcp.into(table, file, "TABLOCK", batch=int(more))
