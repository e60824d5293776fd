"""`client submit` and `client resume`: upload, and with --watch or --out wait for the results."""

import argparse
from pathlib import Path
from typing import Any

from client.cli import common
from client.download import Downloaded, NotDownloaded
from client.errors import UsageError
from client.models import ImageStatus
from client.rawmill import Rawmill, Submission

MOST_LINES = 20
"""Failures that are listed; a job may have ten thousand."""


def add_to(commands: Any) -> None:
    """Adds the commands to the parser."""
    submit = commands.add_parser(
        "submit",
        parents=[common.shared_options()],
        help="upload files and folders as a job",
        description="Makes a job of RAW files and uploads them. The same command after a break goes on where it stood.",
    )
    submit.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a RAW file, or a folder to search")
    submit.add_argument("--recipe", default="default", metavar="FILE",
                        help="what to make: .toml, .json, or a recipe of the service (default: default)")  # fmt: skip
    submit.add_argument("--watch", action="store_true", help="wait until the job is over")
    submit.add_argument("--out", type=Path, metavar="DIR", help="wait, then download the results into DIR")
    submit.add_argument("--archive", action="store_true", help="with --out: one zip instead of single files")
    submit.add_argument("--anew", action="store_true", help="another job, even if one of these files was broken off")
    common.add_parallel(submit)
    submit.set_defaults(command=run_submit)

    resume = commands.add_parser(
        "resume",
        parents=[common.shared_options()],
        help="go on with a submission that was broken off",
        description="Uploads what is missing, then waits and downloads as the submission was told to.",
    )
    resume.add_argument("what", metavar="FOLDER|JOB", help="a path that was submitted, or the job's id")
    common.add_parallel(resume)
    resume.set_defaults(command=run_resume)


def run_submit(options: argparse.Namespace) -> int:
    """Submits."""
    if options.archive and options.out is None:
        raise UsageError("--archive needs --out: the folder where the archive goes")
    with common.connection(options) as rawmill, common.progress(options) as progress:
        submission = rawmill.submit(
            options.paths,
            recipe=options.recipe,
            wait=options.watch,
            out=options.out,
            archive=options.archive,
            anew=options.anew,
            progress=progress,
        )
        failures = _failures(rawmill, submission)
    return _tell(submission, failures, options, options.out)


def run_resume(options: argparse.Namespace) -> int:
    """Resumes."""
    with common.connection(options) as rawmill, common.progress(options) as progress:
        submission = rawmill.resume(options.what, progress=progress)
        failures = _failures(rawmill, submission)
    return _tell(submission, failures, options, None)


def _failures(rawmill: Rawmill, submission: Submission) -> list[dict[str, str | None]]:
    """Images that failed, as far as they are known now."""
    if not submission.job.images.failed:
        return []
    return [
        {"name": image.name, "code": image.error_code, "message": image.error_message}
        for image in rawmill.images(submission.job.job_id, status=ImageStatus.FAILED)
    ]


def _tell(
    submission: Submission, failures: list[dict[str, str | None]], options: argparse.Namespace, folder: Path | None
) -> int:
    if options.json:
        common.print_json(
            {
                **common.job_fields(submission.job),
                "uploaded": submission.uploaded,
                "refused": [{"path": str(each.path), "reason": each.reason} for each in submission.refused],
                "not_uploaded": [
                    {"path": str(each.expected.file.path), "reason": each.reason} for each in submission.not_uploaded
                ],
                "failures": failures,
                "files": [common.file_fields(file) for file in submission.files],
            }
        )
    else:
        _print(submission, failures, folder)
    return common.EXIT_OK if submission.is_good else common.EXIT_SOME_FAILED


def _print(submission: Submission, failures: list[dict[str, str | None]], folder: Path | None) -> None:
    common.say(common.job_line(submission.job))
    lines = [f"left out: {each.path}: {each.reason}" for each in submission.refused]
    lines += [f"not uploaded: {each.reason}" for each in submission.not_uploaded]
    lines += [f"failed: {each['name']}: {each['code']}: {each['message']}" for each in failures]
    for line in lines[:MOST_LINES]:
        common.say(line)
    if len(lines) > MOST_LINES:
        common.say(f"… and {len(lines) - MOST_LINES} more; --json lists all")
    job_id = submission.job.job_id
    if submission.not_uploaded:
        common.say(f"the job waits for them: mend and `python -m client resume {job_id}`, or `cancel {job_id}`")
    if submission.files:
        where = folder or _common_folder(submission.files)
        common.tell_files(list(submission.files), where)


def _common_folder(files: tuple[Downloaded | NotDownloaded, ...]) -> Path:
    return min((file.path.parent for file in files), key=lambda path: len(path.parts))
