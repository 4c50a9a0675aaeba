"""The ways to copy a table: each is some programs, one after the other, and what it goes without."""
import pathlib
import shutil
from dataclasses import dataclass, field

from connection import Connection

HERE = pathlib.Path(__file__).parent
PYTHON = HERE.parent.parent.parent / "target/clients/peers/bin/python"
BATCH = 10_000
# Neither is in the tables' text.
FIELD_END, ROW_END = "|~|", "|#|\n"
CLR = (r"hierarchyid", r"geography", r"geometry")


@dataclass
class Job:
    """A table to be copied from one database to the other, as REPLICA_SOURCE and REPLICA_TARGET in `environment`."""
    programs: pathlib.Path
    folder: pathlib.Path
    environment: dict
    table: object
    # Which rows; None for all.
    where: str = None

    def query(self):
        columns = ", ".join(f"[{column}]" for column in self.table.columns)
        return f"SELECT {columns} FROM {self.table.name}"

    def file(self):
        return str(self.folder / "rows")


@dataclass
class Step:
    command: list
    input: str = ""
    environment: dict = field(default_factory=dict)


class Peer:
    # Patterns of the definitions of columns that it cannot carry.
    refused = ()
    # It goes through a file.
    through_file = False
    # It empties the target itself: of the others the benchmark does.
    empties = False
    # It is slow: always, or in a quick run, it copies some of the rows.
    few_rows = few_rows_if_quick = False
    encrypt = "false"
    # What Python loads before it can begin.
    imports = ""

    def missing(self):
        return None


class Tool(Peer):
    """replicate-reference-tables of this repository."""
    empties = True

    def __init__(self, name, encrypt="false", *options):
        self.name, self.encrypt, self.options = name, encrypt, options

    def steps(self, job):
        options = ["--quiet", "--ignore-extra-columns", *self.options]
        return [Step([job.programs / "replicate-reference-tables", *options, job.table.name])]


class MicrosoftBcp(Peer):
    name, through_file, imports = "bcp", True, "driver"

    def steps(self, job):
        half = [PYTHON, HERE / "bcp_copy.py"]
        return [
            Step([*half, "out", job.table.name, job.file(), job.query()]),
            Step([*half, "in", job.table.name, job.file(), str(BATCH)]),
        ]


class Pandas(Peer):
    empties, few_rows_if_quick, imports = True, True, "pandas, pyodbc, driver"
    # pyodbc reads no CLR types and no sql_variant; fast_executemany makes buffers too small for text, ntext and image,
    # and takes no decimal without digits before its point.
    refused = (*CLR, r"sql_variant", r"n?text\b", r"image", r"(decimal|numeric)\((\d+), ?\2\)")

    def __init__(self, name, way):
        self.name, self.way, self.few_rows = name, way, way == "slow"

    def steps(self, job):
        where = job.where or "1 = 1"
        return [Step([PYTHON, HERE / "pandas_copy.py", job.table.name, str(BATCH), self.way, where])]


class FreeBcp(Peer):
    name, through_file = "freebcp", True
    # It knows no conversion of these, and its text for Japanese columns is longer than they are.
    refused = (*CLR, r"sql_variant", r"xml", r".*COLLATE Japanese")

    def missing(self):
        return None if shutil.which("freebcp") else "freebcp is not here (scripts/install-clients has it)"

    def steps(self, job):
        ends = [Connection(job.environment[side]) for side in ("REPLICA_SOURCE", "REPLICA_TARGET")]
        servers = job.folder / "freetds.conf"
        servers.write_text("".join(
            f"[{name}]\nhost = {end.host}\nport = {end.port}\ntds version = 7.4\nencryption = off\n"
            "text size = 2147483647\nclient charset = UTF-8\n" for name, end in zip(("source", "target"), ends)))

        def step(name, end, *arguments):
            # As text: its native files it cannot read back where values are NULL. The password is on stdin.
            login = ["-c", "-t", FIELD_END, "-r", ROW_END, "-S", name, "-D", end.database, "-U", end.user, "-P", "-"]
            return Step(["freebcp", *arguments, *login], end.password + "\n", {"FREETDSCONF": str(servers)})

        identity = ["-E"] if job.table.has("IDENTITY") else []
        load = ["-b", str(BATCH), "-h", "TABLOCK", *identity]
        return [
            step("source", ends[0], job.query(), "queryout", job.file()),
            step("target", ends[1], job.table.name, "in", job.file(), *load),
        ]


class Tiberius(Peer):
    """A typed copy by its bulk insert: replica-bench has it."""
    name = "tiberius"
    # As crates/replica-bench/src/case.rs has it; and it announces these without their scale.
    refused = (*CLR, r"sql_variant", r"xml", r"image", r"money", r"(time|datetimeoffset)\([0-6]\)")

    def steps(self, job):
        nothing = [argument for name in ("server", "sink", "select") for argument in (f"--{name}", "")]
        return [Step([job.programs / "replica-bench", "measure", "typed", job.table.name, *nothing, "--named"])]


PEERS = [
    Tool("tool"),
    Tool("tool_tls", "true"),
    Tool("tool_verified", "true", "--verify", "hash"),
    MicrosoftBcp(),
    Pandas("pandas", "fast"),
    Pandas("pandas_row_by_row", "slow"),
    FreeBcp(),
    Tiberius(),
]
