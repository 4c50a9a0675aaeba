"""Runs a program and writes what it cost to a file: measured.py FILE PROGRAM ARGUMENT...

A process of its own, since Linux counts what a process had in memory before it became another program: a child of a small
process starts small (5 MB; of the benchmark itself, three times as much). To be run as python3 -I -S."""
import os
import sys
import time

file, *command = sys.argv[1:]
started = time.monotonic()
child = os.fork()
if child == 0:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)
_, status, used = os.wait4(child, 0)
seconds = time.monotonic() - started
with open(file, "w", encoding="ascii") as figures:
    # Of the program and of those that it has started and waited for; memory in KiB.
    print(os.waitstatus_to_exitcode(status), seconds, used.ru_utime + used.ru_stime, used.ru_maxrss, file=figures)
