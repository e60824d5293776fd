"""An image that kills whoever touches it: each try, how long its message hides, the dead letter, and its way back."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audit.spof.times import Times
from audit.spof.words import span
from chaos.evidence.cases import Case, Figures, Shown, Stage, case
from chaos.evidence.image import OVER_WITHIN_S, Seen, Story, at_work, kill, told, until
from chaos.evidence.pictures import message_life
from chaos.facts import queue_length
from chaos.field import SWEEP_EVERY_S, Field, wait_until
from chaos.fleet import below
from local.process import ChildProcess
from service.worker.policy import RetryPolicy

Victims = Callable[[ChildProcess, Sequence[int]], Sequence[int]]
_POLL_S = 0.05
_WAYS: Mapping[str, tuple[str, Victims]] = {
    "decoder": ("the processes that develop it", lambda _, developing: developing),
    "worker": ("the whole worker", lambda worker, _: [worker.pid, *(process.pid for process in below(worker))]),
}


@case
class DeadLetters(Case):
    name = "letters"
    order = 3

    def run(self, stage: Stage) -> Figures:
        target = stage.target
        lives = {}
        for name, (what, victims) in _WAYS.items():
            stage.tell(f"an image kills {what} at every try")
            lives[name] = _life(stage, victims)
        return {
            "visibility_s": int(target.told["RAWMILL_VISIBILITY_TIMEOUT_S"]),
            "max_receives": int(target.told["RAWMILL_MAX_RECEIVES"]),
            "lives": lives,
            "broken": [
                f"image that kills its {name}: {what}"
                for name, life in lives.items()
                for what in broken_by(life, max_receives=int(target.told["RAWMILL_MAX_RECEIVES"]), name=name)
            ],
        }

    def tables(self, figures: Figures, times: Times) -> list[Shown]:
        shown = [
            Shown(
                block=f"letters-{name}",
                title=f"An image that kills {_WAYS[name][0]} at every try",
                head=("what happens", "at", "after"),
                rows=_rows(life),
                right=(1, 2),
            )
            for name, life in figures["lives"].items()
        ]
        here = figures["visibility_s"]
        rules = [
            ("a message that was received is hidden for", f"{here} s", f"{times.visibility_s} s"),
            ("wait after the first try that failed, and after the second", *map(_waits, (here, times.visibility_s))),
            ("tries", str(figures["max_receives"]), str(times.max_receives)),
            ("a message waits in the queue at most", "as on AWS", span(times.retention_s)),
            ("a dead letter is kept for", "as on AWS", span(times.dead_letter_retention_s)),
            ("the sweeper looks", f"every {SWEEP_EVERY_S:g} s", times.sweep.removeprefix("rate(").removesuffix(")")),
        ]
        attributes = [
            (name, life["letter"]["body"], *(life["letter"]["attributes"].get(key, "–") for key in _ATTRIBUTES))
            for name, life in figures["lives"].items()
        ]
        return [
            *shown,
            Shown(block="letters-rules", title="Rules", head=("", "here", "by the templates of prod"), rows=rules),
            Shown(
                block="letters-carry",
                title="What the dead letter carries",
                head=("killed was", "body", *(f"`{key}`" for key in _ATTRIBUTES)),
                rows=attributes,
            ),
        ]

    def pictures(self, figures: Figures) -> Mapping[str, str]:
        return {"evidence-message.svg": message_life(figures)}


_ATTRIBUTES = ("reason_code", "reason")
_FAILS_AS = {"decoder": "out_of_memory", "worker": "worker_lost"}
"""What is killed by SIGKILL and not by its worker was killed by the system, which is short of memory."""


def broken_by(life: Mapping[str, Any], *, max_receives: int, name: str) -> list[str]:
    """Promises that one life broke."""
    broken = []
    tries = sum(each["killed"] is not None for each in life["tries"])
    if tries != max_receives:
        broken.append(f"{tries} tries instead of {max_receives}")
    if life["failed"]["code"] != _FAILS_AS[name]:
        broken.append(f"it failed as {life['failed']['code']}")
    if name == "decoder" and life["letter"]["attributes"].get("reason_code") != life["failed"]["code"]:
        broken.append(f"its dead letter says {life['letter']['attributes']}")
    if life["dead_letter"] is None:
        broken.append("it never came to the dead-letter queue")
    if life["redriven"]["status"] != "completed":
        broken.append(f"after the redrive it ended as {life['redriven']['status']}")
    if life["letters_left"]:
        broken.append(f"{life['letters_left']} dead letters were left after the redrive")
    return broken


def _life(stage: Stage, victims: Victims) -> dict[str, Any]:
    target = stage.target
    target.wait_whole()
    with told(target, stage.folder) as story:
        kills: list[float] = []
        letters = _Letters(target)
        with letters:
            failed = _kill_each_try(target, story, victims, kills)
            letters.wait()
        began = next(seen.at for seen in story.seen if seen.attempts == 1)
        tries = [seen for seen in story.seen if seen.status == "processing"]
        letter, sent = _letter(target)
        redriven_at = time.time()
        target.manage("dead_letters", "redrive", failed.image)
        again = until(story, lambda seen: seen.at > redriven_at and seen.status == "processing")
        done = until(story, lambda seen: seen.at > redriven_at and seen.settled is not None)
        job_over = _job_over(target, failed.image)
    return {
        "tries": [_try(seen, kills, began) for seen in tries],
        "dead_letter": None if letters.came is None else round(_came(letters.came, sent, began) - began, 2),
        "failed": {"at": round((failed.settled or failed.at) - began, 2), "code": failed.code},
        "letter": letter,
        "redriven": {
            "at": round(redriven_at - began, 2),
            "begun": round(again.at - began, 2),
            "done": round((done.settled or done.at) - began, 2),
            "status": done.status,
            "job": job_over,
        },
        "letters_left": queue_length(target.clients.sqs, target.told["RAWMILL_DEAD_LETTER_QUEUE_URL"]),
    }


def _kill_each_try(target: Field, story: Story, victims: Victims, kills: list[float]) -> Seen:
    """Kills at each try until the row has failed; the row then."""
    while True:
        now = story.now
        if now is not None and now.settled is not None:
            return now
        found = at_work(target, within_s=0.2)
        if found is not None and now is not None and now.attempts > len(kills):
            kills.append(kill(*victims(*found)))


def _try(seen: Seen, kills: Sequence[float], began: float) -> dict[str, float | None]:
    at = next((killed for killed in kills if killed >= seen.at), None)
    return {"at": round(seen.at - began, 2), "killed": None if at is None else round(at - began, 2)}


class _Letters:
    """Notes when the first message comes to the dead-letter queue. Use as a context."""

    def __init__(self, target: Field) -> None:
        self._target = target
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="letters", daemon=True)
        self.came: float | None = None

    def __enter__(self) -> "_Letters":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def wait(self) -> None:
        """Until there is one."""
        wait_until(lambda: self.came is not None, within_s=OVER_WITHIN_S, what="a message in the dead-letter queue")

    def _look(self) -> None:
        url = self._target.told["RAWMILL_DEAD_LETTER_QUEUE_URL"]
        while not self._over.wait(_POLL_S):
            if queue_length(self._target.clients.sqs, url):
                self.came = time.time()
                return


def _came(seen: float, sent: float, began: float) -> float:
    """When it came: as SQS says of one that a worker sent; as seen of one that SQS moved, which keeps its age."""
    return sent if began < sent < seen else seen


def _letter(target: Field) -> tuple[dict[str, Any], float]:
    """What the dead letter carries, and when it was sent; it is hidden from others for a second only."""
    answer = target.clients.sqs.receive_message(
        QueueUrl=target.told["RAWMILL_DEAD_LETTER_QUEUE_URL"],
        MaxNumberOfMessages=1,
        VisibilityTimeout=1,
        MessageSystemAttributeNames=["SentTimestamp"],
        MessageAttributeNames=["All"],
    )
    (message,) = answer["Messages"]
    time.sleep(1.5)
    attributes = {name: str(value.get("StringValue")) for name, value in message.get("MessageAttributes", {}).items()}
    sent = int(message["Attributes"]["SentTimestamp"]) / 1000
    return {"body": ", ".join(sorted(json.loads(message["Body"]))), "attributes": attributes}, sent


def _job_over(target: Field, image: str) -> str:
    """How the job ended, after it had failed and was opened again."""
    query = "SELECT jobs.status FROM jobs JOIN images USING (job_id) WHERE image_id = %(image)s"

    def status() -> str:
        return str(target.rows(query, {"image": image})[0]["status"])

    wait_until(lambda: status() not in {"pending", "processing"}, within_s=OVER_WITHIN_S, what="the job is over again")
    return status()


def _rows(life: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Everything in its order, with the time since the line before."""
    events: list[tuple[float, str]] = []
    for number, each in enumerate(life["tries"], 1):
        if each["killed"] is None:
            events.append((each["at"], "received once more, and given up untried"))
            continue
        events += [(each["at"], f"received and begun, try {number}"), (each["killed"], "killed")]
    redriven = life["redriven"]
    if life["dead_letter"] is not None:
        events.append((life["dead_letter"], "the message is in the dead-letter queue"))
    events += [
        (life["failed"]["at"], f"the row says `failed`, `{life['failed']['code']}`"),
        (redriven["at"], "`manage dead_letters redrive`, the cause being gone"),
        (redriven["begun"], "received and begun"),
        (redriven["done"], f"image {redriven['status']}; then its job: {redriven['job']}"),
    ]
    events.sort(key=lambda event: event[0])
    befores = [events[0][0], *(at for at, _ in events[:-1])]
    return [(what, f"{at:.1f} s", f"{at - before:.1f} s") for (at, what), before in zip(events, befores, strict=True)]


def _waits(visibility_s: int) -> str:
    policy = RetryPolicy(max_attempts=3, visibility_timeout_s=visibility_s)
    return ", ".join(f"{max(1.0, policy.usual_wait_s(attempts=attempts)):.0f} s" for attempts in (1, 2))
