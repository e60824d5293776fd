"""One person at several web tasks: signed in at one, known at the others, also when one dies; out at all at once."""

import re
from collections.abc import Callable
from typing import Any

import httpx

from audit.spof.times import Times
from chaos.errors import ChaosError
from chaos.evidence.cases import Case, Figures, Shown, Stage, case
from chaos.evidence.image import kill_task
from chaos.evidence.notes import IN, OUT, first, read_notes
from chaos.faults.servers import SessionStoreGone
from chaos.field import Field, wait_until
from chaos.relay.balancer import ANSWERED_BY
from local.tasks import Part

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_PAGE, _SIGN_IN = "/jobs/", "/sign-in/"
_WITHIN_S = 120.0
_MOST = 12
SIGNED_IN, SIGNED_OUT = "signed in", "signed out"


class Browser:
    """A browser that keeps its cookies and follows nothing by itself."""

    def __init__(self, target: Field, name: str, rows: list[dict[str, Any]]) -> None:
        self.name = name
        self._target, self._rows = target, rows
        self._client = httpx.Client(base_url=target.url, headers={"Accept": "text/html"}, timeout=30)
        self._tasks = {int(web.program.environment["RAWMILL_PORT"]): web.name for web in target.fleet.tasks(Part.WEB)}

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    def sign_in(self) -> None:
        """With the name and the password of the demo's user."""
        email, password = self._target.platform.layout.console_user.read_text().split()
        self._submit(_SIGN_IN, {"email": email, "password": password}, page=_SIGN_IN, wanted="")

    def sign_out_everywhere(self) -> None:
        """From the page of the account."""
        self._submit("/sign-out-everywhere/", {}, page="/account/", wanted="")

    def is_answered(self) -> bool:
        """Whether the tasks can look at sessions; not written down."""
        return self._client.get(_PAGE).status_code < httpx.codes.INTERNAL_SERVER_ERROR

    def look(self, wanted: str, *, when: str = "") -> tuple[str, str]:
        """Asks for the list of jobs; the task that answered, and whether one is signed in there."""
        answer = self._client.get(_PAGE)
        result = _result(answer)
        task = self._told(f"GET {_PAGE}{when}", answer, result, wanted)
        return task, result

    def look_at_all(self, tasks: int, wanted: str, *, when: str = "") -> None:
        """Until so many tasks have answered."""
        seen: set[str] = set()
        for _ in range(_MOST):
            seen.add(self.look(wanted, when=when)[0])
            if len(seen) >= tasks:
                return
        raise ChaosError(f"{len(seen)} of {tasks} web tasks answered {_MOST} requests")

    def _submit(self, path: str, fields: dict[str, str], *, page: str, wanted: str) -> None:
        shown = self._client.get(page)
        self._told(f"GET {page}", shown, str(shown.status_code), wanted)
        found = _TOKEN.search(shown.text)
        if found is None:
            raise ChaosError(f"{page} has no form: {shown.status_code}")
        answer = self._client.post(path, data={**fields, "csrfmiddlewaretoken": found[1]})
        self._told(f"POST {path}", answer, f"{answer.status_code}, to {answer.headers.get('Location', '–')}", wanted)

    def _told(self, request: str, answer: httpx.Response, result: str, wanted: str) -> str:
        task = self._tasks.get(int(answer.headers.get(ANSWERED_BY, 0)), "the balancer")
        self._rows.append({"browser": self.name, "request": request, "task": task, "result": result, "wanted": wanted})
        return task


@case
class Sessions(Case):
    name = "sessions"
    order = 5

    def run(self, stage: Stage) -> Figures:
        target = stage.target
        target.wait_whole()
        webs = len(target.fleet.tasks(Part.WEB))
        rows: list[dict[str, Any]] = []
        first_, second = Browser(target, "first", rows), Browser(target, "second", rows)
        try:
            stage.tell("signed in at one web task, known at the others")
            first_.sign_in()
            first_.look_at_all(webs, SIGNED_IN)
            second.sign_in()
            second.look_at_all(webs, SIGNED_IN)
            stage.tell("one web task is killed")
            _while_killed(target, lambda: first_.look(SIGNED_IN, when=", one task is dead"))
            first_.look_at_all(webs, SIGNED_IN, when=", another task is in its place")
            stage.tell("signed out everywhere")
            first_.sign_out_everywhere()
            first_.look_at_all(webs, SIGNED_OUT, when=", after signing out everywhere")
            second.look_at_all(webs, SIGNED_OUT, when=", after the other browser did")
            stage.tell("the session store is killed and comes back empty")
            first_.sign_in()
            gone = SessionStoreGone()
            first_.look(SIGNED_IN)
            gone.inject(target)
            first_.look("503", when=", the session store is away")
            gone.heal(target)
            wait_until(first_.is_answered, within_s=_WITHIN_S, what="web tasks find the session store again")
            first_.look_at_all(webs, SIGNED_OUT, when=", the store is back, and empty")
        finally:
            first_.close()
            second.close()
        return {"webs": webs, "rows": rows, "broken": broken_by(rows)}

    def tables(self, figures: Figures, times: Times) -> list[Shown]:  # noqa: ARG002
        rows = [(row["browser"], row["request"], row["task"], row["result"]) for row in figures["rows"]]
        head = ("browser", "request", "answered by", "result")
        return [Shown(block="sessions", title="One person at several web tasks", head=head, rows=rows)]


def broken_by(rows: list[dict[str, Any]]) -> list[str]:
    """Requests that were answered otherwise than promised."""
    return [
        f"{row['request']}, {row['browser']} browser, {row['task']}: {row['result']} instead of {row['wanted']}"
        for row in rows
        if row["wanted"] and row["result"] != row["wanted"]
    ]


def _result(answer: httpx.Response) -> str:
    if answer.is_redirect:
        return SIGNED_OUT if answer.headers["Location"].startswith(_SIGN_IN) else f"to {answer.headers['Location']}"
    return SIGNED_IN if answer.is_success else str(answer.status_code)


def _while_killed(target: Field, look: Callable[[], object]) -> None:
    """Kills a web task, looks when the balancer leaves it out, and waits until another is in its place."""
    web = target.fleet.running(Part.WEB)[0]
    port = int(web.program.environment["RAWMILL_PORT"])
    log = target.platform.layout.log("balancer")
    killed = kill_task(web)

    def is_said(what: str) -> bool:
        return first(read_notes(log), what, port=port, since=killed) is not None

    wait_until(lambda: is_said(OUT), within_s=_WITHIN_S, what=f"{web.name} is out of rotation")
    look()
    look()
    wait_until(lambda: is_said(IN), within_s=_WITHIN_S, what=f"{web.name} is in rotation again")
