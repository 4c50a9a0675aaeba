"""The two databases: on a sandbox of this run's own, or on the server that REPLICA_TEST_SERVER names."""
import os
import subprocess

ROWS_OF_SALES = 20_000
# Guards nothing: the sandbox listens on this machine only, for the time of the run.
PASSWORD = "Replica-Sandbox-1"


class Databases:
    """Made when it is entered, with the cases' tables in the source; dropped when it is left."""

    def __init__(self, programs, cases):
        self.programs, self.cases = programs, cases
        self.names = [f"replica_test_peers_{os.getpid()}_{side}" for side in ("source", "target")]
        self.made = []

    def __enter__(self):
        # The sandbox has the rows, even where they are then carried to another server.
        self.sandbox = subprocess.Popen(
            [self.programs / "replica-sandbox", "--database", self.names[0], "--load", "nycflights13",
             "--generate", "sales", "--rows", str(ROWS_OF_SALES)],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "REPLICA_SANDBOX_PASSWORD": PASSWORD})
        address = self.sandbox.stdout.readline().strip()
        if not address:
            raise SystemExit("the sandbox did not start")
        own = (f"Server=localhost,{address.rpartition(':')[2]};User Id=sa;Password={PASSWORD};"
               "TrustServerCertificate=true")
        self.server = os.environ.get("REPLICA_TEST_SERVER", "").strip("; ") or own
        try:
            self._make(own)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self, own):
        for name in self.names[self.server == own :]:
            self.sql(None, f"CREATE DATABASE [{name}]")
            self.made.append(name)
        if self.server != own and self.cases:
            source = self.names[0]
            for case in self.cases:
                self.source(case.table.statements())
            self.run(["replicate-reference-tables", "--quiet", *(case.table.name for case in self.cases)],
                     REPLICA_SOURCE=f"{own};Database={source}", REPLICA_TARGET=self.connection(source, ""))

    def __exit__(self, *_):
        for name in self.made:
            # SQL Server's connections have to be cut off; the sandbox does not know how, and ends anyway.
            for statement in (f"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE", f"DROP DATABASE [{name}]"):
                try:
                    self.sql(None, statement)
                except subprocess.CalledProcessError:
                    pass
        self.sandbox.terminate()
        self.sandbox.wait()

    def connection(self, database, encrypt):
        """`encrypt`: true, false, or empty for what the server's string says."""
        more = f";Encrypt={encrypt}" if encrypt else ""
        return f"{self.server};Database={database}{more}"

    def environment(self, encrypt="false"):
        """How every copy is told where it is from and to."""
        source, target = (self.connection(name, encrypt) for name in self.names)
        return {**os.environ, "REPLICA_SOURCE": source, "REPLICA_TARGET": target}

    def source(self, sql):
        self.sql(self.names[0], sql)

    def target(self, sql):
        self.sql(self.names[1], sql)

    def sql(self, database, sql):
        self.run(["examples/sql", "REPLICA_SQL"], input=sql, REPLICA_SQL=self.connection(database or "master", ""))

    def run(self, command, input=None, **environment):
        program, *arguments = command
        done = subprocess.run([self.programs / program, *arguments], input=input, text=True, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, env={**os.environ, **environment})
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, program, stderr=done.stderr)
