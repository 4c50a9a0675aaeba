#!/usr/bin/env python3
"""Runs what a page of the documents shows, in one shell and in order, and compares the output with the page's.

page.py PAGE FOLDER: works in FOLDER, with the environment that it has.
page.py --record PAGE FOLDER: puts into the page what its commands print, where that is not as shown.

Blocks that count:

```sh            commands that must work
```console       `$ command`, and below it what it prints, on stdout and stderr. A line of three dots stands for any
                 lines; times, rates, ports and the like need not be the same. A command that must end with another
                 code than 0 says so: `$ command  # exit code 1`
```toml FILE     a file to be written
"""
import os
import re
import subprocess
import sys
import tempfile

# What differs from run to run and from machine to machine.
VARIABLE = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"),
    (r"(127\.0\.0\.1|localhost)[:,]\d+", "<server>"),
    (r"\b\d+m\d+s\b|\b\d+(\.\d+)?(ms|s)\b", "<took>"),
    (r"[\d,]+ rows/s", "<rate>"),
    (r'"(seconds|rows_per_s|[A-Z_]+)":[\d.]+', r"<\1>"),
    (r"\t\d+\.\d{3}\t\d*\t", "\t<took>\t"),
    # Columns for people: how wide they are depends on the numbers.
    (r"<took> +[\d,]+ +(?=[0-9a-f]{32})", "<took> <rate> "),
    (r"(?<=\S) {2,}", "  "),
]


def blocks(page):
    """The fenced blocks of a page, each as its language, the rest of that line, and its lines."""
    fence, block = None, []
    for line in page.splitlines():
        if fence is None and (start := re.match(r"```(\S+) ?(.*)", line)):
            fence, block = start.groups(), []
        elif fence is not None and line == "```":
            yield *fence, block
            fence = None
        elif fence is not None:
            block.append(line)


def steps(page):
    """Shell commands, each with the output that the page shows, or None where it shows none."""
    for language, rest, lines in blocks(page):
        if language == "sh" and any(lines):
            yield "\n".join(lines), None
        elif language == "toml" and rest:
            yield f"cat >{rest} <<'END_OF_FILE'\n" + "\n".join(lines) + "\nEND_OF_FILE", None
        elif language == "console":
            command, output = None, []
            for line in lines:
                if line.startswith("$ "):
                    if command is not None:
                        yield command, output
                    command, output = line[2:], []
                elif command is not None and (command.endswith("\\") or unfinished(command)) and line.startswith("> "):
                    command += "\n" + line[2:]
                else:
                    output.append(line)
            yield command, output


def unfinished(command):
    return subprocess.run(["bash", "-n", "-c", command], stderr=subprocess.DEVNULL).returncode != 0


def masked(line):
    for pattern, name in VARIABLE:
        line = re.sub(pattern, name, line)
    return line.rstrip()


def matches(shown, printed):
    """Line by line; three dots take any number of lines."""
    if not shown:
        return not printed
    if shown[0].strip() == "...":
        return any(matches(shown[1:], printed[n:]) for n in range(len(printed) + 1))
    return bool(printed) and masked(shown[0]) == masked(printed[0]) and matches(shown[1:], printed[1:])


def recorded(page, outputs):
    """The page with these outputs, by the number of the step."""
    lines, number, in_console, skipping = [], -1, False, False
    todo = list(steps(page))
    language, command = None, ""
    for line in page.splitlines():
        if language is None and (start := re.match(r"```(\S+) ?(.*)", line)):
            language, skipping = start[1], False
            if language in ("sh",) or (language == "toml" and start[2]):
                number += 1
        elif language is not None and line == "```":
            language, skipping = None, False
        elif language == "console":
            if line.startswith("$ "):
                number, skipping, command = number + 1, False, line[2:]
                lines.append(line)
                in_console = True
            elif in_console and (command.endswith("\\") or unfinished(command)) and line.startswith("> "):
                command += "\n" + line[2:]
                lines.append(line)
            else:
                in_console = False
                if number not in outputs:
                    lines.append(line)
                continue
            if command == todo[number][0] and number in outputs:
                lines.extend(outputs[number])
            continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def main():
    record = sys.argv[1] == "--record"
    path, folder = sys.argv[1 + record :]
    with open(path, encoding="utf-8") as file:
        page = file.read()
    todo = list(steps(page))
    if not todo:
        sys.exit(f"{path} shows nothing to run")
    with tempfile.TemporaryDirectory() as outputs:
        script = ""
        for number, (command, _) in enumerate(todo):
            # Braces, not parentheses: what a command sets is there for the next.
            script += f"{{ {command}\n}} >{outputs}/{number} 2>&1; echo $? >{outputs}/{number}.code\n"
        subprocess.run(["bash", "-c", script], cwd=folder, stdin=subprocess.DEVNULL, check=False)
        failed, outputs_by_step = 0, {}
        for number, (command, shown) in enumerate(todo):
            code = read(f"{outputs}/{number}.code").strip()
            printed = read(f"{outputs}/{number}").splitlines()
            expected = shown is None or matches(shown, printed)
            if record and not expected:
                outputs_by_step[number], expected = printed, True
            wanted = re.search(r"# exit code (\d+)$", command)
            if code != (wanted[1] if wanted else "0") or not expected:
                failed += 1
                print(f"{path}: $ {command}\nended with {code or 'the whole shell'} and printed:", file=sys.stderr)
                print("\n".join(printed), file=sys.stderr)
                if not expected:
                    print("but the page shows:\n" + "\n".join(shown), file=sys.stderr)
        if outputs_by_step:
            with open(path, "w", encoding="utf-8") as file:
                file.write(recorded(page, outputs_by_step))
        if failed:
            sys.exit(f"{path}: {failed} of {len(todo)} commands are not as shown")
        print(f"{path}: {len(todo)} commands are as shown", file=sys.stderr)


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


main()
