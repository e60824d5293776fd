"""What all commands share: the options for server and key, the connection, and how results are printed."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from client.cli.display import Display
from client.config import find_access
from client.download import Downloaded, NotDownloaded
from client.models import Job
from client.progress import Progress, Quiet
from client.rawmill import DEFAULT_PARALLEL, Rawmill
from client.retry import DEFAULT_PATIENCE_S, Patience
from client.transport import printable

EXIT_OK, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_NETWORK, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


def shared_options() -> argparse.ArgumentParser:
    """The options that every command takes."""
    shared = argparse.ArgumentParser(add_help=False)
    group = shared.add_argument_group("server")
    group.add_argument("--url", metavar="URL", help="the server (default: RAWMILL_URL, else the configuration file)")
    group.add_argument("--api-key-file", type=Path, metavar="FILE",
                       help="holds the API key (default: RAWMILL_API_KEY, else the configuration file)")  # fmt: skip
    group.add_argument("--patience", type=float, default=DEFAULT_PATIENCE_S, metavar="S",
                       help=f"try again so long what may pass (default {DEFAULT_PATIENCE_S:.0f} s)")  # fmt: skip
    shared.add_argument("--json", action="store_true", help="print JSON for scripts, no progress")
    shared.add_argument("--quiet", action="store_true", help="no progress")
    return shared


def add_parallel(command: argparse.ArgumentParser) -> None:
    """The option for transfers."""
    command.add_argument("--parallel", type=int, default=DEFAULT_PARALLEL, metavar="N",
                         help=f"transfers at a time (default {DEFAULT_PARALLEL})")  # fmt: skip


@contextmanager
def connection(options: argparse.Namespace) -> Iterator[Rawmill]:
    """The server that the options mean."""
    access = find_access(url=options.url, key_file=options.api_key_file)
    patience = Patience(limit_s=options.patience)
    parallel = getattr(options, "parallel", DEFAULT_PARALLEL)
    with Rawmill(access.url, access.key, parallel=parallel, patience=patience) as rawmill:
        yield rawmill


@contextmanager
def progress(options: argparse.Namespace) -> Iterator[Progress]:
    """The display that the options mean."""
    if options.json or options.quiet:
        yield Quiet()
        return
    with Display() as display:
        yield display


def out() -> Console:
    """For results: never wrapped, so that they can be piped."""
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def say(text: str) -> None:
    """One line of a result."""
    out().print(printable(text))


def print_json(value: Any) -> None:
    """One JSON document on a line of its own, at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def job_fields(job: Job) -> dict[str, Any]:
    """A job for scripts. Its link is left out: it is a secret while it lives, and logs are not the place."""
    return job.model_dump(mode="json", exclude={"download_url", "expires_in"})


def file_fields(file: Downloaded | NotDownloaded) -> dict[str, Any]:
    """A downloaded file for scripts."""
    if isinstance(file, NotDownloaded):
        return {"path": str(file.path), "error": file.reason}
    return {"path": str(file.path), "size_bytes": file.size_bytes, "skipped": file.skipped}


def job_line(job: Job) -> str:
    """A job in one line for people."""
    failed = f", {job.images.failed} failed" if job.images.failed else ""
    return f"{job.job_id}  {job.status.value:<10}  {job.images.completed} of {job.images.total} images{failed}"


def tell_files(files: list[Downloaded | NotDownloaded], folder: Path | None) -> None:
    """Says how many files are where, and which are missing."""
    there = [file for file in files if isinstance(file, Downloaded)]
    new = sum(not file.skipped for file in there)
    skipped = f", {len(there) - new} were there before" if len(there) > new else ""
    say(f"{new} file{'' if new == 1 else 's'} downloaded{skipped}: {folder}")
    for file in files:
        if isinstance(file, NotDownloaded):
            say(f"not downloaded: {file.path}: {file.reason}")


def exit_code_of(job: Job) -> int:
    """0 for a job in which nothing failed so far, else 1."""
    return EXIT_SOME_FAILED if job.has_failures else EXIT_OK
