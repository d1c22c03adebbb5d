"""Runs each command line in one long-lived process of its own, so that TensorFlow is imported once per command line."""

import json
import subprocess
import sys
from pathlib import Path

# Reads JSON lines [folder, arguments] and answers each with [status, stdout, stderr], output of C++ included.
SESSION = """
import importlib, json, os, sys, tempfile
from absl import flags
from tfgan_zoo.cli import command_line

module = importlib.import_module("tfgan_zoo." + sys.argv[1])
answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    folder, arguments = json.loads(line)
    os.chdir(folder)
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    sys.argv[1:] = arguments
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            command_line.run(module.main)
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
        sys.stderr.flush()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    print(json.dumps([status, *texts]), file=answers, flush=True)
"""


class CommandSession:
    """Runs `tfgan_zoo.NAME` as a command; call `close` at the end."""

    def __init__(self):
        self.processes = {}

    def run(self, name, *arguments, cwd=None):
        """Runs a command; returns a `subprocess.CompletedProcess` with stdout and stderr as text."""
        if name not in self.processes:
            command = [sys.executable, "-c", SESSION, name]
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process, arguments = self.processes[name], [str(argument) for argument in arguments]
        print(json.dumps([str(cwd or Path.cwd()), arguments]), file=process.stdin, flush=True)
        answer = process.stdout.readline()
        assert answer, f"{name} {' '.join(arguments)} ended its process with status {process.wait()}"
        return subprocess.CompletedProcess([name, *arguments], *json.loads(answer))

    def close(self):
        for process in self.processes.values():
            process.kill()  # it has nothing left to write, and TensorFlow takes seconds to shut down
            process.communicate()
