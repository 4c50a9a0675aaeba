"""Copies the same tables by the tools and by others, and says what each copy cost: run.py PROGRAMS --peers [--quick] [--case NAME]

See docs/BENCH.md, "Beside other tools". PROGRAMS is the folder of the repository's programs."""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import tables
from copies import HERE, PEERS, PYTHON, Job, Step
from server import Databases

# A copy is made again while that costs little: the cheapest counts, since others can only add to it.
ROUNDS, ENOUGH_SECONDS = 3, 20
LONGEST_SECONDS = 3600
MOST_SHOWN = 10_000


class Refused(Exception):
    """A program failed; its last words."""


@dataclass
class Cost:
    seconds: float = 0.0
    cpu: float = 0.0
    peak_kib: int = 0

    def figures(self):
        return f"cpu_s {self.cpu:.2f} peak_rss_mb {self.peak_kib / 1024:.1f}"


def measure(step, folder, environment):
    """What one program costs, with those that it starts."""
    figures = folder / "figures"
    # Programs are started by a small process: measured.py says why.
    started = subprocess.Popen(
        [sys.executable, "-I", "-S", HERE / "measured.py", figures, *step.command], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        env={**environment, **step.environment})
    try:
        said, _ = started.communicate(step.input, LONGEST_SECONDS)
    except BaseException:
        os.killpg(started.pid, signal.SIGKILL)
        raise
    code, seconds, cpu, peak = figures.read_text().split()
    if int(code):
        raise Refused(last_words(said))
    return Cost(float(seconds), float(cpu), int(peak))


def last_words(said):
    """The line that says most: an error of the server's, or the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it gives no reason"]
    told = [line for line in lines if "rror" in line or "truncated" in line or "duplicate" in line] or lines
    return told[-1][:300]


def copy(peer, job):
    cost = Cost()
    for step in peer.steps(job):
        one = measure(step, job.folder, job.environment)
        cost = Cost(cost.seconds + one.seconds, cost.cpu + one.cpu, max(cost.peak_kib, one.peak_kib))
    return cost


class Bench:
    def __init__(self, programs, databases, quick):
        self.programs, self.databases, self.quick = programs, databases, quick

    def job(self, peer, table, folder, where=None):
        return Job(self.programs, folder, self.databases.environment(peer.encrypt), table, where)

    def case(self, case, peer):
        """Whether the copy is equal."""
        table = case.table.without(peer.refused)
        few = peer.few_rows or self.quick and peer.few_rows_if_quick
        with tempfile.TemporaryDirectory() as folder:
            job = self.job(peer, table, pathlib.Path(folder), case.few if few else None)
            costs = []
            try:
                while len(costs) < ROUNDS and sum(cost.seconds for cost in costs) < ENOUGH_SECONDS:
                    self.databases.target(table.statements())
                    costs.append(copy(peer, job))
            except Refused as refusal:
                print(f"refused {case.name} {peer.name} {refusal}", flush=True)
                return False
            cost = min(costs, key=lambda cost: cost.cpu)
            file = pathlib.Path(job.file())
            more = [f"file_mb {file.stat().st_size / 1e6:.1f}"] if peer.through_file else []
            result, changed = self.compare(job)
        left_out = [column for column in case.table.without(()).columns if column not in table.columns]
        more += [f"columns_left_out {len(left_out)}"] if left_out else []
        wrong = sum(result[finding] or 0 for finding in ("missing", "extra", "changed"))
        rows = result["target_rows"]
        print(f"peer {case.name} {peer.name} rows {rows} seconds {cost.seconds:.2f} rows_per_s {rows / cost.seconds:.0f} "
              f"{cost.figures()} rows_that_differ {wrong}", *more, flush=True)
        if left_out:
            print(f"left_out {case.name} {peer.name}", ", ".join(left_out))
        for kind, columns in changed.items():
            column, was, became = columns[0]
            print(f"changed {case.name} {peer.name} {kind}, columns {len(columns)}, as {column}: {was} became {became}",
                  flush=True)
        return wrong == 0

    def compare(self, job):
        """What verify-replica says of the copy, and by type the columns that came with other values."""
        command = [self.programs / "verify-replica", job.table.name, "--output", "json", "--ignore-extra-columns",
                   "--show-rows", str(MOST_SHOWN), *(["--where", job.where] if job.where else [])]
        done = subprocess.run(command, env=job.environment, capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if not lines or lines[0]["error"]:
            raise SystemExit(f"verify-replica: {lines[0]['error'] if lines else done.stderr}")
        result, *rows = lines
        examples, columns = {}, {}
        for row in rows:
            if row["finding"] == "changed" and row["column"] not in examples:
                examples[row["column"]] = (row["column"], row["source"], row["target"])
        for column, example in examples.items():
            columns.setdefault(job.table.columns[column].split()[0].partition("(")[0], []).append(example)
        return result, columns

    def halfway(self, peer):
        """What is in the target after a copy that fails at its last row."""
        with tempfile.TemporaryDirectory() as folder:
            job = self.job(peer, tables.HALFWAY, pathlib.Path(folder))
            self.databases.target(tables.halfway_target())
            if not peer.empties:
                self.databases.target(f"TRUNCATE TABLE {tables.HALFWAY.name}")
            try:
                copy(peer, job)
                told = "no"
            except Refused:
                told = "yes"
            result, _ = self.compare(job)
        print(f"halfway {peer.name} rows_before {tables.OLD_ROWS} rows_to_copy {tables.NEW_ROWS} "
              f"rows_after {result['target_rows']} failure_told {told}", flush=True)


def available(peer):
    """Whether a peer is here; what its program needs to start, where that is Python's."""
    missing = peer.missing()
    if not missing and peer.imports:
        with tempfile.TemporaryDirectory() as folder:
            start = Step([PYTHON, "-c", f"import {peer.imports}"], environment={"PYTHONPATH": str(HERE)})
            try:
                cost = measure(start, pathlib.Path(folder), dict(os.environ))
                print(f"start {peer.name} seconds {cost.seconds:.2f} {cost.figures()}", flush=True)
            except Refused as refusal:
                missing = str(refusal)
    if missing:
        print(f"missing {peer.name} {missing}", flush=True)
    return not missing


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.partition("\n")[0].partition(":")[0])
    parser.add_argument("programs", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--peers", action="store_true", help="what this is")
    parser.add_argument("--quick", action="store_true", help="fewer rows for who is slow")
    parser.add_argument("--case", choices=("flights", "sales", "halfway"), help="this one only")
    return parser.parse_args()


def main():
    # What this has made is taken away then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = arguments()
    programs = given.programs.resolve()
    ddl = lambda data: subprocess.run([programs / "replica-sandbox", "--print-ddl", data], check=True,
                                      capture_output=True, text=True).stdout
    cases = [case for case in tables.cases(ddl) if given.case in (None, case.name)]
    peers = [peer for peer in PEERS if available(peer)]
    met = True
    with Databases(programs, cases) as databases:
        bench = Bench(programs, databases, given.quick)
        for case in cases:
            for peer in peers:
                equal = bench.case(case, peer)
                met &= equal or not peer.name.startswith("tool")
        if given.case in (None, "halfway"):
            for batch in tables.halfway_source():
                databases.source(batch)
            for peer in peers:
                if not peer.few_rows:
                    bench.halfway(peer)
    sys.exit(0 if met else 1)


main()
