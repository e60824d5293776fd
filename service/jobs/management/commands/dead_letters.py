"""`dead_letters list | show ID | redrive (ID … | --job JOB | --all) [--code CODE] | delete ID …`."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from service import runtime
from service.aws.clients import Clients
from service.aws.queue import Queue
from service.jobs import dead_letters
from service.jobs.dead_letters import DeadLetter
from service.jobs.models import Job


class Command(BaseCommand):
    """The operator's tool for what was given up."""

    help = "list, show, redrive and delete messages that were given up"
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="one line a message: reason code, job, image, file, reason")
        listing.add_argument("--code", help="only this reason code")
        show = actions.add_parser("show", help="everything about one message")
        show.add_argument("id", help="message id, or the id of its image or job")
        redrive = actions.add_parser("redrive", help="let failed images be tried again, after a fix")
        redrive.add_argument("ids", nargs="*", metavar="ID", help="message ids, or ids of images or jobs")
        redrive.add_argument("--job", type=UUID, help="every failed image of a job, also those without a message")
        redrive.add_argument("--all", action="store_true", help="every message")
        redrive.add_argument("--code", help="of those only this reason code")
        delete = actions.add_parser("delete", help="throw messages away; the rows stay failed")
        delete.add_argument("ids", nargs="+", metavar="ID")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Runs one action."""
        config = runtime.config()
        clients = Clients(region=config.region)
        self._letters = Queue(clients.sqs, config.dead_letter_queue_url)
        self._queue = Queue(clients.sqs, config.queue_url)
        self._lifetime = timedelta(days=config.job_lifetime_days)
        match options["action"]:
            case "list":
                self._list(options["code"])
            case "show":
                self._show(options["id"])
            case "redrive":
                self._redrive(options["ids"], options["job"], options["code"], every=options["all"])
            case _:
                self._delete(options["ids"])

    def _list(self, code: str | None) -> None:
        with dead_letters.looked_at(self._letters) as letters:
            found = [letter for letter in letters if code is None or letter.reason_code == code]
        for letter in found:
            self.stdout.write("\t".join(_line(letter)))
        self.stdout.write(f"{len(found)} message{'' if len(found) == 1 else 's'}")

    def _show(self, given: str) -> None:
        with dead_letters.looked_at(self._letters) as letters:
            found = [letter for letter in letters if given in _ids(letter)]
        if not found:
            raise CommandError(f"{given}: no such message, and none about such an image or job; see: dead_letters list")
        for letter in found:
            self.stdout.write(json.dumps(_everything(letter), indent=2, default=str, ensure_ascii=False))

    def _redrive(self, ids: list[str], job: UUID | None, code: str | None, *, every: bool) -> None:
        if [bool(ids), job is not None, every].count(True) != 1:
            raise CommandError("redrive what? give ids, or --job JOB, or --all")
        if job is not None:
            self._redrive_job(job, code)
            return
        done = dead_letters.redrive(
            self._letters, self._queue, chosen=_chosen(None if every else set(ids), code), lifetime=self._lifetime
        )
        if not every and done == dead_letters.Redrive():
            raise CommandError(f"{', '.join(ids)}: no such message; see: dead_letters list")
        self.stdout.write(
            f"{done.sent} sent again, {done.stale} deleted for there is nothing to redo, {done.left} left: not readable"
        )

    def _redrive_job(self, job: UUID, code: str | None) -> None:
        if not Job.objects.filter(job_id=job).exists():
            raise CommandError(f"job {job}: no such job")
        sent = dead_letters.redrive_job(self._queue, job, lifetime=self._lifetime, codes=[code] if code else [])
        # The job's messages are done with: what failed is sent anew, whether it had a message or not.
        stale = dead_letters.purge(self._letters, chosen=lambda letter: _is_open_again(letter, job))
        self.stdout.write(f"{sent} sent again, {stale} old message{'' if stale == 1 else 's'} deleted")

    def _delete(self, ids: list[str]) -> None:
        deleted = dead_letters.purge(self._letters, chosen=_chosen(set(ids), None))
        if not deleted:
            raise CommandError(f"{', '.join(ids)}: no such message; see: dead_letters list")
        self.stdout.write(f"{deleted} deleted")


def _ids(letter: DeadLetter) -> set[str]:
    found = {letter.message.message_id}
    if letter.image is not None:
        found.add(str(letter.image.image_id))
    if letter.job is not None:
        found.add(str(letter.job.job_id))
    return found


def _chosen(ids: set[str] | None, code: str | None) -> Callable[[DeadLetter], bool]:
    def is_chosen(letter: DeadLetter) -> bool:
        return (ids is None or bool(ids & _ids(letter))) and (code is None or letter.reason_code == code)

    return is_chosen


def _is_open_again(letter: DeadLetter, job: UUID) -> bool:
    if letter.job is None or letter.job.job_id != job:
        return False
    return letter.image is None or letter.image.status != "failed"


def _line(letter: DeadLetter) -> tuple[str, ...]:
    image = letter.image
    return (
        f"{letter.message.sent_at:%Y-%m-%d %H:%M:%S}",
        letter.reason_code,
        "-" if letter.job is None else str(letter.job.job_id),
        "-" if image is None else str(image.image_id),
        "-" if image is None else ascii(image.name)[1:-1],
        letter.reason,
    )


def _everything(letter: DeadLetter) -> dict[str, Any]:
    image, job = letter.image, letter.job
    return {
        "message": {
            "id": letter.message.message_id,
            "body": letter.message.body,
            "sent_at": letter.message.sent_at,
            "attributes": dict(letter.message.attributes),
        },
        "reason_code": letter.reason_code,
        "reason": letter.reason,
        "job": job
        and {"job_id": job.job_id, "tenant": job.tenant_id, "status": job.status, "expires_at": job.expires_at},
        "image": image
        and {
            "image_id": image.image_id,
            "name": image.name,
            "status": image.status,
            "attempts": image.attempts,
            "worker": image.worker,
            "size_bytes": image.size_bytes,
            "source_key": image.source_key,
            "vault_key": image.vault_key,
            "verdict": image.verdict,
            "evidence": image.evidence,
        },
    }
