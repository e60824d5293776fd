"""Commands: what a page tells the reader to type exists, with the options that it names."""

import functools
import importlib.util
import re
import shlex
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT, Page, pages

pytestmark = pytest.mark.docs
Pages = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
_OURS = {"audit", "bench", "client", "local", "processor", "service", "stacks"}
_MODULE = re.compile(r"python3? -m ([a-z_.]+)(.*)")
# Answer no --help of their own: they need a configured process, or do their work at once.
_WITHOUT_HELP = re.compile(r"service\.check|service\.reference|stacks\..*|bench\.pictures|local\.doctor")


@functools.cache
def _targets() -> frozenset[str]:
    listed = subprocess.run(
        ["/usr/bin/env", "make", "--no-print-directory", "-pRrq", ":"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return frozenset(re.findall(r"^([a-z][a-z0-9-]*):", listed.stdout, re.MULTILINE))


@functools.cache
def _help(module: str, *subcommands: str) -> str:
    asked = subprocess.run(
        [sys.executable, "-m", module, *subcommands, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert asked.returncode == 0, f"python -m {module} {' '.join(subcommands)}: {asked.stderr}"
    return asked.stdout


def _unquoted(command: str) -> str:
    return re.sub(r'"[^"]*"', "QUOTED", command)


@Pages
def test_every_target_of_make_that_a_page_names_is_there(page: Page) -> None:
    named = {
        target
        for command in page.commands
        for words in re.findall(r"(?:^|&& |; )(?:\S+ )?make((?: [A-Za-z][\w-]*(?:=\S*)?)+)", _unquoted(command))
        for target in re.findall(r"(?<= )([a-z][a-z0-9-]*)(?= |$)", words)
    }
    assert named - _targets() == set()


@Pages
def test_every_command_of_ours_that_a_page_names_is_there_with_its_options(page: Page) -> None:
    for command in page.commands:
        for module, rest in _MODULE.findall(command):
            if module.partition(".")[0] not in _OURS:
                continue
            assert importlib.util.find_spec(module) is not None, command
            if not _WITHOUT_HELP.fullmatch(module):
                _check(module, rest)


def _check(module: str, rest: str) -> None:
    """The subcommands and options of one command line against what the program says of itself."""
    words = shlex.split(re.split(r"[|>&#;]", rest.replace("…", ""))[0], comments=True)
    told, path = _help(module), []
    for word in words:
        if word.startswith("-") or not re.search(
            rf"(?:[{{,]{re.escape(word)}[,}}]|^  +{re.escape(word)}\b)", told, re.MULTILINE
        ):
            break
        path.append(word)
        if (module, word) == ("service", "manage"):
            return
        told = _help(module, *path)
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    known = set(re.findall(r"(--[a-z][a-z-]*)", told))
    assert options <= known, f"python -m {module} {rest}: no {sorted(options - known)}"
