"""Far more messages than work: they are for images that are done already."""

import random
import time

from chaos.errors import ChaosError
from chaos.facts import queue_length
from chaos.faults.messages import send_messages
from chaos.field import Field
from chaos.judge import Expected
from chaos.load import Load, Outcome, load
from chaos.rest import at_rest
from chaos.shoot import send
from chaos.suites import Workshop
from service.jobs.messages import ImageWanted, body_of

_DONE = "SELECT job_id::text AS job, image_id::text AS image FROM images WHERE status = 'completed' LIMIT 5000"
_DRAINED_WITHIN_S = 3600.0
_IMAGES, _TINY_PX = 50, (96, 64)
_LOOK_AGAIN_S = 0.2
_AT_A_TIME, _REFILL = 2_000, 500
"""The local queue looks at each of its messages whenever it is asked for one; SQS does not, and takes any number."""


@load
class LongQueue(Load):
    name = "a long queue"
    what = "messages for images that are done, many for each, in any order, refilled as fast as they go"

    def run(self, target: Field, workshop: Workshop) -> Outcome:
        count = workshop.size.messages
        shoot = send(target, workshop.folder / "done", images=_IMAGES, jobs=1, size_px=_TINY_PX)
        shoot.submissions(within_s=_DRAINED_WITHIN_S)
        rows = target.rows(_DONE)
        mixed = random.Random(3)
        url = target.told["RAWMILL_QUEUE_URL"]
        bodies = [body_of(ImageWanted(row["job"], row["image"])) for row in rows]
        began_s = time.monotonic()
        sent = 0
        while (waiting := queue_length(target.clients.sqs, url)) or sent < count:
            if time.monotonic() - began_s > _DRAINED_WITHIN_S:
                raise ChaosError(f"{sent} messages sent and {waiting} of them left after {_DRAINED_WITHIN_S:.0f} s")
            if sent < count and waiting <= _AT_A_TIME - _REFILL:
                more = min(_REFILL, count - sent)
                sent += send_messages(target.clients, url, [mixed.choice(bodies) for _ in range(more)])
            else:
                time.sleep(_LOOK_AGAIN_S)
        took_s = time.monotonic() - began_s
        broken = tuple(str(each) for each in at_rest(target, Expected(jobs={}, renditions=()))[1])
        came = f"{count} messages gone after {took_s:.0f} s ({count / took_s:.0f}/s), no image done twice"
        return Outcome(came=came, figures={"messages": count, "took_s": round(took_s, 1)}, broken=broken)
