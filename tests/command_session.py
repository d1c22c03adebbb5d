"""Command lines, each in a process of its own, forked from one that has imported TensorFlow, which takes seconds."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Reads a JSON request per line and answers twice: with the id of the process that runs it, and with its status at its end.
# The runtime of TensorFlow starts with the first operation, and so after the fork.
PARENT = """
import json, os, runpy, sys, traceback
import keras, tensorflow

def run(folder, name, arguments, out, err):
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(out, os.O_WRONLY), 1)
    os.dup2(1 if err is None else os.open(err, os.O_WRONLY), 2)
    sys.argv[1:] = arguments
    try:
        runpy.run_module("tfgan_zoo." + name, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # nothing is left to write, and TensorFlow's own end takes seconds

answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    process = os.fork()
    if not process:
        run(*json.loads(line))
    print(process, file=answers, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), file=answers, flush=True)
"""


class Command:
    """A command that runs. Attributes: returncode: None until it has been seen to end, negative after a signal."""

    def __init__(self, parent, request, files):
        self.parent, self.files, self.returncode = parent, files, None
        print(json.dumps(request), file=parent.stdin, flush=True)
        self.pid = int(parent.stdout.readline())

    def poll(self, seconds=0.0):
        """The status, or None where it has not ended within that time."""
        if self.returncode is None and select.select([self.parent.stdout], [], [], seconds)[0]:
            self.returncode = int(self.parent.stdout.readline())
        return self.returncode

    def wait(self, timeout=300):
        assert self.poll(timeout) is not None, f"it has not ended after {timeout} s: {self.output()}"
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)
        return self.wait()

    def output(self, file=0):
        """The text so far of stdout (0), or of stderr (1) where that is apart."""
        return Path(self.files[file].name).read_text()


class CommandSession:
    """Runs `python -m tfgan_zoo.NAME` over and over, one at a time; to be closed."""

    def __init__(self):
        command = [sys.executable, "-W", "ignore", "-c", PARENT]  # Python 3.12 warns of forks
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.parent, self.last = subprocess.Popen(command, text=True, cwd=ROOT, **pipes), None

    def start(self, name, *arguments, cwd=None, join_stderr=False):
        """The `Command`, just started. join_stderr: its stderr goes where its stdout goes."""
        if self.last:
            self.last.kill()
        files = [tempfile.NamedTemporaryFile() for _ in range(1 if join_stderr else 2)]  # noqa: SIM115
        out, err = files[0].name, None if join_stderr else files[1].name
        request = [str(cwd or Path.cwd()), name, [str(argument) for argument in arguments], out, err]
        self.last = Command(self.parent, request, files)
        return self.last

    def run(self, name, *arguments, cwd=None):
        """A `subprocess.CompletedProcess` of the command, with its stdout and stderr as text."""
        command = self.start(name, *arguments, cwd=cwd)
        status = command.wait()
        return subprocess.CompletedProcess([name, *arguments], status, command.output(0), command.output(1))

    def close(self):
        if self.last:
            self.last.kill()
        self.parent.kill()
        self.parent.communicate()
