"""Prints every shell line of YAML files, for bash -n: shell_lines.py FILE... Of a Compose file those that a shell is given
by -c, of a workflow those of its steps."""
import sys

from ruamel.yaml import YAML


def lines(node):
    if isinstance(node, dict):
        if isinstance(node.get("run"), str):
            yield node["run"]
        for value in node.values():
            yield from lines(value)
    elif isinstance(node, list):
        for at, item in enumerate(node):
            if str(item).startswith("-") and str(item).endswith("c") and at + 1 < len(node):
                yield node[at + 1]
            elif item == "CMD-SHELL":
                yield node[at + 1]
            else:
                yield from lines(item)


for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        for line in lines(YAML(typ="safe").load(file)):
            # Compose writes $$ for $.
            print(line.replace("$$", "$") + "\n")
