"""Environments of their own for slow tests: virtual environments of Python, packages of Node, and headless Chromium."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|name resolution|Name or service not known|Network is unreachable"
)

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def install(command, **options):
    """Runs a command that installs packages; skips the test if it finds no network."""
    process = subprocess.run(command, capture_output=True, text=True, **options)
    if process.returncode and NO_NETWORK.search(process.stdout + process.stderr):
        pytest.skip("there is no network to install packages from")
    assert process.returncode == 0, (process.stdout + process.stderr)[-3000:]


def python_environment(folder, *commands):
    """The Python of a new virtual environment with what the `pip install` commands ask for."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for command in commands:
        install([folder / "bin" / "python", "-m", "pip", "install", "-q", *command], cwd=ROOT)
    return folder / "bin" / "python"


def node_modules(folder, *packages):
    """The folder node_modules of new packages from npm, such as "@grpc/grpc-js@1.14.7"."""
    folder.mkdir(parents=True, exist_ok=True)
    install(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, *packages])
    return folder / "node_modules"


def outside():
    """The environment variables of a program that is none of ours: without PYTHONPATH."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


@contextlib.contextmanager
def chromium_page():
    """A page of headless Chromium. Added attributes: requested: URLs; console_lines."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 960})
        page.set_default_timeout(60_000)
        page.requested, page.console_lines = [], []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("console", lambda message: page.console_lines.append(message.text))
        yield page
        browser.close()
