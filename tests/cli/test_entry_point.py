"""The entry point `tfgan-zoo`, the help of every command, which is printed without loading TensorFlow, and the version."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools.config.setupcfg import read_configuration

import tfgan_zoo
from tfgan_zoo.cli import entry

ROOT = Path(__file__).resolve().parents[2]

# Calls the entry point with the arguments of each line of stdin, each in a fork of one process in which none of these
# libraries can be imported. Prints the exit status below the output, which includes stderr.
SESSION = """
import os, sys
from tfgan_zoo.cli import entry

for name in ("tensorflow", "keras", "scipy", "matplotlib", "grpc", "gradio", "tensorflow_datasets"):
    sys.modules[name] = None
os.dup2(1, 2)
for line in sys.stdin:
    child = os.fork()
    if not child:
        sys.argv = ["tfgan-zoo", *line.split()]
        entry.main()
        os._exit(99)  # main() always exits
    print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def answers():
    """{arguments: (status, output)} of calls of the entry point."""
    calls = ["", "--help", "-h", "--version", "trian", *(f"{command} --help" for command in entry.COMMANDS)]
    calls += ["train -h", "train --list", "import-weights --help", "train --modle=sngan"]
    process = [sys.executable, "-u", "-c", SESSION]
    process_result = subprocess.run(
        process, cwd=ROOT, input="\n".join(calls), capture_output=True, text=True, check=True
    )
    parts = re.findall(r"(.*?)^status (\d+)\n", process_result.stdout, re.DOTALL | re.MULTILINE)
    assert len(parts) == len(calls), process_result.stdout
    return {call: (int(status), output) for call, (output, status) in zip(calls, parts, strict=True)}


@pytest.mark.parametrize("arguments", ["", "--help", "-h"])
def test_help_lists_every_command_with_a_line_on_it(answers, arguments):
    status, text = answers[arguments]
    assert status == 0
    lines = re.findall(r"^  (\w+) +(\S.*)\.$", text, re.MULTILINE)
    assert [name for name, _ in lines] == list(entry.COMMANDS)
    assert ("train", "Trains a GAN of the zoo, scores it, and exports its generator") in lines


@pytest.mark.parametrize("command", entry.COMMANDS)
def test_help_of_a_command_explains_each_flag_shows_an_example_and_ends_with_status_0(answers, command):
    status, text = answers[f"{command} --help"]
    assert status == 0, text
    assert text.startswith(entry.summary_of(command))
    assert f"python -m tfgan_zoo.{command} " in text
    flags = re.findall(r"^  (--\S+?): (.*)$", text, re.MULTILINE)
    assert "--[no]verbose" in dict(flags)
    assert [name for name, explanation in flags if len(explanation) < 4] == []


def test_help_of_train_has_its_flags_also_by_the_short_form(answers):
    for arguments in ("train --help", "train -h"):
        status, text = answers[arguments]
        assert status == 0
        for flag in ("--model", "--preset", "--set", "--workdir", "--[no]list", "--[no]dry_run"):
            assert f"  {flag}: " in text


def test_an_unknown_command_or_flag_is_refused_with_the_nearest_name(answers):
    assert answers["trian"][0] == 2
    assert answers["trian"][1].startswith("error: no command 'trian'. Did you mean 'train'? Available: convert, data, ")
    status, text = answers["train --modle=sngan"]
    assert status == 1
    assert "Unknown command line flag 'modle'. Did you mean: model ?" in text


def test_a_command_prints_the_same_as_its_module_and_takes_a_dash_for_an_underscore(answers):
    module = [sys.executable, "-m", "tfgan_zoo.train", "--list"]
    listed = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert answers["train --list"] == (0, listed)
    assert re.search(r"^sngan +quickstart +SNGAN", listed, re.MULTILINE)
    assert answers["import-weights --help"] == answers["import_weights --help"]


def test_verbose_list_says_where_each_recipe_was_run():
    module = [sys.executable, "-m", "tfgan_zoo.train", "--list", "--verbose"]
    listed = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(
        r"^sngan +quickstart .*\n +The recipe: run on two CPU cores, .* fd_mnist_cnn 1\.89", listed, re.MULTILINE
    )
    assert re.search(r"^sngan +cifar10 .*\n +The recipe: not run$", listed, re.MULTILINE)


def test_the_installed_script_is_this_entry_point():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="tfgan-zoo")
    assert script.load() is entry.main


def test_the_version_is_stated_in_one_place(answers):
    assert answers["--version"] == (0, f"tfgan_zoo {tfgan_zoo.__version__}\n")
    assert re.search(r"^version = attr: tfgan_zoo\.__version__$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert read_configuration(ROOT / "setup.cfg")["metadata"]["version"] == tfgan_zoo.__version__
