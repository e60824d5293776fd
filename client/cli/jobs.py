"""`client status`, `list`, `watch`, `cancel` and `download`: commands on jobs that exist."""

import argparse
from itertools import islice
from pathlib import Path
from typing import Any

from client.cli import common
from client.cli.submit import MOST_LINES
from client.download import NotDownloaded
from client.models import ImageStatus, Job
from client.progress import Phase


def add_to(commands: Any) -> None:
    """Adds the commands to the parser."""
    shared = common.shared_options

    status = commands.add_parser("status", parents=[shared()], help="how far a job is, and which images failed")
    status.add_argument("job", metavar="JOB")
    status.set_defaults(command=run_status)

    listing = commands.add_parser("list", parents=[shared()], help="your jobs, the newest first")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="so many at most (default 20)")
    listing.set_defaults(command=run_list)

    watch = commands.add_parser("watch", parents=[shared()], help="wait until a job is over")
    watch.add_argument("job", metavar="JOB")
    watch.set_defaults(command=run_watch)

    download = commands.add_parser(
        "download",
        parents=[shared()],
        help="download what a job made",
        description="Downloads what is there by now; files that were downloaded before are skipped.",
    )
    download.add_argument("job", metavar="JOB")
    download.add_argument("--out", type=Path, metavar="DIR", help="the folder (default: one named after the job)")
    download.add_argument("--archive", action="store_true", help="one zip instead of single files")
    common.add_parallel(download)
    download.set_defaults(command=run_download)

    cancel = commands.add_parser("cancel", parents=[shared()], help="cancel what has not started")
    cancel.add_argument("job", metavar="JOB")
    cancel.set_defaults(command=run_cancel)


def run_status(options: argparse.Namespace) -> int:
    """Prints a job and its failures."""
    with common.connection(options) as rawmill:
        job = rawmill.job(options.job)
        failures = rawmill.images(options.job, status=ImageStatus.FAILED) if job.images.failed else iter(())
        shown = list(failures if options.json else islice(failures, MOST_LINES))
    if options.json:
        listed = [{"name": each.name, "code": each.error_code, "message": each.error_message} for each in shown]
        common.print_json({**common.job_fields(job), "failures": listed})
        return common.exit_code_of(job)
    common.say(common.job_line(job))
    if job.error_message:
        common.say(f"{job.error_code or 'error'}: {job.error_message}")
    for each in shown:
        common.say(f"failed: {each.name}: {each.error_code}: {each.error_message}")
    if job.images.failed > len(shown):
        common.say(f"… and {job.images.failed - len(shown)} more; --json lists all")
    return common.exit_code_of(job)


def run_list(options: argparse.Namespace) -> int:
    """Prints jobs."""
    with common.connection(options) as rawmill:
        jobs = list(islice(rawmill.jobs(), max(0, options.limit)))
    if options.json:
        common.print_json([common.job_fields(job) for job in jobs])
        return common.EXIT_OK
    for job in jobs:
        common.say(f"{job.created_at.astimezone():%Y-%m-%d %H:%M}  {common.job_line(job)}")
    return common.EXIT_OK


def run_watch(options: argparse.Namespace) -> int:
    """Follows a job."""
    job: Job | None = None
    with common.connection(options) as rawmill, common.progress(options) as progress:
        for job in rawmill.watch(options.job):
            if options.json:
                common.print_json(common.job_fields(job))
            progress.begin(Phase.DEVELOP, job.images.total)
            progress.reached(Phase.DEVELOP, job.images.settled)
        progress.end(Phase.DEVELOP)
    if job is None:  # the service always answers with the job as it stands
        return common.EXIT_NETWORK
    if not options.json:
        common.say(common.job_line(job))
    return common.exit_code_of(job)


def run_download(options: argparse.Namespace) -> int:
    """Downloads renditions or the archive."""
    folder = options.out or Path(f"rawmill-{options.job}")
    with common.connection(options) as rawmill, common.progress(options) as progress:
        files = rawmill.download(options.job, folder, archive=options.archive, progress=progress)
    if options.json:
        common.print_json({"job_id": options.job, "files": [common.file_fields(file) for file in files]})
    else:
        common.tell_files(files, folder)
    return common.EXIT_SOME_FAILED if any(isinstance(file, NotDownloaded) for file in files) else common.EXIT_OK


def run_cancel(options: argparse.Namespace) -> int:
    """Cancels."""
    with common.connection(options) as rawmill:
        job = rawmill.cancel(options.job)
    if options.json:
        common.print_json(common.job_fields(job))
    else:
        common.say(common.job_line(job))
    return common.EXIT_OK
