"""Messages that come more than once, in any order, and some that nobody ever sent."""

import random
import time

from chaos.faults import Fault, fault
from chaos.field import Field
from local.clients import Clients

_WANTED = """
SELECT job_id::text AS job, image_id::text AS image FROM images WHERE uploaded_at IS NOT NULL
ORDER BY uploaded_at DESC LIMIT 400
"""
_TIMES = 3
_random = random.Random(7)


@fault
class Duplicates(Fault):
    name = "messages duplicated"
    what = "three more messages for every image, done or not, in any order, together with those of its archive"

    def __init__(self) -> None:
        self._sent = 0

    def inject(self, target: Field) -> None:
        from service.jobs.messages import ArchiveWanted, ImageWanted, body_of  # noqa: PLC0415

        until_s = time.monotonic() + self.lasts_s
        while time.monotonic() < until_s and self._sent < _TIMES * 400:
            rows = target.rows(_WANTED)
            bodies = [body_of(ImageWanted(row["job"], row["image"])) for row in rows] * _TIMES
            bodies += [body_of(ArchiveWanted(job)) for job in {row["job"] for row in rows}]
            _random.shuffle(bodies)
            self._sent += send_messages(target.clients, target.told["RAWMILL_QUEUE_URL"], bodies)
            time.sleep(1.0)

    def hits(self, target: Field) -> int:
        del target
        return self._sent


def send_messages(clients: Clients, queue_url: str, bodies: list[str]) -> int:
    """Sends messages, ten in a call."""
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies[start : start + 10])]
        clients.sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)  # type: ignore[arg-type]
    return len(bodies)
