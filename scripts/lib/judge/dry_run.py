"""Runs every shell line of the Compose file and of the workflows where neither can run: dry_run.py BIN COMPOSE WORKFLOW...

`docker compose run SERVICE` becomes the lines that Compose would give to the service's shell, and to the shells of those that
it depends on, in this order and with its variables. Two sandboxes are the servers source and target, a third one has
data; sqlcmd runs its SQL with the testkit's example (BIN has the examples), cargo builds and tests nothing, but puts the questions of
docs/UNCONFIRMED.md. Folders of containers are folders of their own here."""
import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile

from ruamel.yaml import YAML

BIN, COMPOSE, *WORKFLOWS = sys.argv[1:]
PASSWORD = "Dry-run-1"
VARIABLES = {"SQL_SERVER_IMAGE": "an.image", "SQL_SERVER_PASSWORD": PASSWORD}
DATA = "INSERT INTO dbo.airlines VALUES ('UA', N'United'); INSERT INTO dbo.planes VALUES ('N1', 1999, 'jet', 'B', '7', 2, 200, NULL, 'fan');"
SQLCMD = """#!/usr/bin/env bash
set -euo pipefail
database=master
while getopts bCIS:U:P:d:Q:i: option; do
    case $option in
    S) server=${OPTARG/localhost/source} ;; U) user=$OPTARG ;; P) password=$OPTARG ;; d) database=$OPTARG ;;
    Q) sql=$OPTARG ;; i) sql=$(cat "$OPTARG") ;; b | C | I) ;; *) exit 2 ;;
    esac
done
port=port_$server
CONNECTION="Server=127.0.0.1,${!port};Database=$database;User Id=$user;Password=$password;TrustServerCertificate=true"
export CONNECTION
exec "$BIN/examples/sql" CONNECTION <<<"$sql"
"""
CARGO = """#!/usr/bin/env bash
case "$1 $*" in
build*) ;;
run*--example\\ confirm) exec "$BIN/examples/confirm" ;;
test*) echo "cargo $*" ;;
*) exit 2 ;;
esac
"""
DOCKER = f"""#!/usr/bin/env bash
exec {shlex.quote(sys.executable)} {shlex.quote(os.path.abspath(__file__))} "$BIN" compose "$@"
"""


def load(path):
    with open(path, encoding="utf-8") as file:
        return YAML(typ="safe").load(file)


def interpolated(text):
    """As Compose does it: ${NAME}, ${NAME:?message}, $$."""
    def value(match):
        if match[0] == "$$":
            return "$"
        name, _, message = match[1].partition(":?")
        if not os.environ.get(name):
            sys.exit(f"dry run: {name} is not set: {message}")
        return os.environ[name]
    return re.sub(r"\$\$|\$\{([^}]+)\}", value, text)


def here(text):
    """Servers and folders that are there in a container, as they are here."""
    for server in ("source", "target", "sandbox"):
        text = re.sub(rf"Server={server}(,1433)?(?=;)", f"Server=127.0.0.1,{os.environ[f'port_{server}']}", text)
    return re.sub(r"(?<![\w.])/(ddl|report|opt)(?=/)", rf"{os.environ['WORK']}/\1", text)


def run(arguments, service, check=True):
    environment = {name: here(interpolated(text)) for name, text in service.get("environment", {}).items()}
    done = subprocess.run(
        [here(interpolated(argument)) for argument in arguments], env={**os.environ, **environment}, check=False,
        capture_output=True, text=True,
    )
    if done.returncode:
        sys.exit(f"dry run: ended with {done.returncode}: {arguments}\n{done.stdout}{done.stderr}")
    return done.stdout


def compose(arguments):
    """docker compose --file FILE run --rm [--build] SERVICE"""
    options = shlex.join(arguments)
    asked = re.fullmatch(r"compose --file (\S+) run --rm( --build)? (\w+)", options)
    if not asked:
        sys.exit(f"dry run: docker {options}")
    services = load(asked[1])["services"]
    with open("docs/deploy/Containerfile", encoding="utf-8") as file:
        stages = set(re.findall(r"^FROM \S+ AS (\w+)", file.read(), re.MULTILINE))
    seen = set()

    def start(name):
        if name in seen:
            return
        seen.add(name)
        service = services[name]
        stage = service.get("build", {}).get("target")
        if stage and stage not in stages:
            sys.exit(f"dry run: the Containerfile has no {stage}")
        interpolated(service.get("image", ""))
        for other in service.get("depends_on", {}):
            start(other)
        if "healthcheck" in service:
            run(["sh", "-c", service["healthcheck"]["test"][1]], service)
        for volume in service.get("volumes", []):
            os.makedirs(here(volume.partition(":")[2] + "/"), exist_ok=True)
        arguments = [*service.get("entrypoint", []), *service.get("command", [])]
        # The sandbox is there already, with less data.
        if arguments and arguments[0] != "replica-sandbox":
            sys.stdout.write(run(arguments, service))

    start(asked[3])


@contextlib.contextmanager
def sandbox(*options, password):
    process = subprocess.Popen(
        [f"{BIN}/replica-sandbox", *options], env={**os.environ, "REPLICA_SANDBOX_PASSWORD": password},
        stdout=subprocess.PIPE, text=True,
    )
    try:
        yield process.stdout.readline().strip().rpartition(":")[2]
    finally:
        process.terminate()
        process.wait()


def lines():
    """The commands that the Compose file's heading names, and the steps of the workflows, each with its variables."""
    with open(COMPOSE, encoding="utf-8") as file:
        for command in re.findall(r"^#   (docker .*)", file.read(), re.MULTILINE):
            yield command, VARIABLES
    for workflow in map(load, WORKFLOWS):
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if "run" in step:
                    # What ${{ }} stands for is known to the hosting alone.
                    yield step["run"], {name: PASSWORD if "PASSWORD" in name else "x" for name in job.get("env", {})}


def main():
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(tempfile.TemporaryDirectory())
        for path, text in (("opt/mssql-tools18/bin/sqlcmd", SQLCMD), ("stand-ins/docker", DOCKER), ("stand-ins/cargo", CARGO)):
            os.makedirs(os.path.dirname(f"{work}/{path}"), exist_ok=True)
            with open(f"{work}/{path}", "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(f"{work}/{path}", 0o755)
        tables = subprocess.run([f"{BIN}/replica-sandbox", "--print-ddl", "nycflights13"], check=True, capture_output=True, text=True)
        with open(f"{work}/data.sql", "w", encoding="utf-8") as file:
            file.write(f"USE flights\nGO\n{tables.stdout}\nGO\n{DATA}\n")
        os.environ.update(BIN=BIN, WORK=work, PATH=f"{work}/stand-ins:{BIN}:{os.environ['PATH']}")
        for server in ("source", "target"):
            os.environ[f"port_{server}"] = stack.enter_context(sandbox(password=PASSWORD))
        data = sandbox("--database", "flights", "--run", f"{work}/data.sql", password="Replica-Sandbox-1")
        os.environ["port_sandbox"] = stack.enter_context(data)
        count = 0
        for line, variables in lines():
            done = subprocess.run(["bash", "-ec", line], env={**os.environ, **variables}, check=False, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"judge: {line}\n{done.stdout}{done.stderr}")
            count += 1
        with open(f"{work}/report/prove.txt", encoding="utf-8") as file:
            report = file.read()
        confirmed = report.count(": confirmed\n")
        if not confirmed or "cargo test" not in report:
            sys.exit(f"judge: prove leaves no report of the questions and the tests:\n{report}")
    print(
        f"judge: {count} commands of compose.yaml and the workflows run dry, with all that they start; {confirmed} questions of "
        "docs/UNCONFIRMED.md are confirmed by the sandbox"
    )


if COMPOSE == "compose":
    compose(sys.argv[3:])
else:
    main()
