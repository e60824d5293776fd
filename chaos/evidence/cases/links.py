"""Presigned links: used in time and too late, for what they were not signed for, after their role was changed."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from audit.spof.times import Times
from audit.spof.words import span
from chaos.errors import ChaosError
from chaos.evidence.cases import Case, Figures, Shown, Stage, case
from chaos.field import Field
from local.aws.endpoints import ROOT

LIFE_S = 6
BEFORE_END_S, AFTER_END_S = 1.5, 1.5
_LONG_S = 600
_BODY = "an original"
_DENY_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
_POLICY = "evidence"


@dataclass(frozen=True, kw_only=True)
class Links:
    """An upload link with its headers and a download link, signed at one moment.

    Attributes:
        signed_at: time.time() before they were signed: they live at least as long as from then on.
        upload_headers: what the upload must send.
    """

    signed_at: float
    upload: str
    upload_headers: dict[str, str]
    download: str


@case
class LinkLife(Case):
    name = "links"
    order = 4

    def run(self, stage: Stage) -> Figures:
        target = stage.target
        stage.tell(f"links that live for {LIFE_S} s, and links that are used for something else")
        _store_result(target)
        rows = [*_in_time_and_late(target), *_otherwise(target), *_role_changed(target)]
        broken = [
            f"{row['what']}: answered {row['answer']} instead of {' or '.join(map(str, row['wanted']))}"
            for row in rows
            if row["answer"] not in row["wanted"]
        ]
        return {"life_s": LIFE_S, "rows": rows, "broken": broken}

    def tables(self, figures: Figures, times: Times) -> list[Shown]:
        rows = [(row["link"], row["what"], f"{row['answer']}", row["says"] or "–") for row in figures["rows"]]
        title = f"Links signed for {figures['life_s']} s or longer; on AWS for {span(times.link_s)}"
        return [
            Shown(block="links", title=title, head=("link", "used", "answer", "storage says"), rows=rows, right=(2,))
        ]


def _in_time_and_late(target: Field) -> list[dict[str, Any]]:
    links = _signed(target, "short", life_s=LIFE_S)
    rows = [_row("upload", "at once", _put(links), 200), _row("download", "at once", _get(links), 200)]
    _sleep_until(links.signed_at + LIFE_S - BEFORE_END_S)
    before = f"{BEFORE_END_S} s before its end"
    rows += [_row("upload", before, _put(links), 200), _row("download", before, _get(links), 200)]
    # Seconds are whole in a signature, and signing took a moment.
    _sleep_until(time.time() + BEFORE_END_S + AFTER_END_S)
    after = f"{AFTER_END_S} s after its end"
    longer = links.upload.replace(f"X-Amz-Expires={LIFE_S}", f"X-Amz-Expires={_LONG_S}")
    if longer == links.upload:
        raise ChaosError(f"the upload link does not say X-Amz-Expires={LIFE_S}")
    return [
        *rows,
        _row("upload", after, _put(links), 403),
        _row("download", after, _get(links), 403),
        _row("upload", "after its end, with a longer life written into it", _put(links, url=longer), 403),
    ]


def _otherwise(target: Field) -> list[dict[str, Any]]:
    """What a link was not signed for."""
    links = _signed(target, "other", life_s=_LONG_S)
    exact = _signed(target, "exact", life_s=_LONG_S, digest=True)
    bucket = target.web_told["RAWMILL_VAULT_BUCKET"]
    return [
        _row("upload", "a second time", _twice(links), 200),
        _row("upload", "with GET", _send("GET", links.upload), 403),
        _row("upload", "to another key", _put(links, url=_other_key(links.upload)), 403),
        _row("upload", "with one byte more", _put(links, body=f"{_BODY}!"), 403),
        _row("upload", "with other bytes, the hash being signed as well", _put(exact, body=_BODY[::-1]), 400, 403),
        _row("upload", "without its signature", _send("PUT", _unsigned(links.upload), _BODY), 403),
        _row("download", "with PUT", _send("PUT", links.download, _BODY), 403),
        _row("download", "with DELETE", _send("DELETE", links.download), 403),
        _row("download", "of another key", _send("GET", _other_key(links.download)), 403),
        _row("download", "of the same key in the vault", _send("GET", _other_bucket(links.download, bucket)), 403),
        _row("download", "without its signature", _send("GET", _unsigned(links.download)), 403),
    ]


def _role_changed(target: Field) -> list[dict[str, Any]]:
    """A link is no more than its role: what is taken from the role is taken from links that were signed before."""
    links = _signed(target, "role", life_s=_LONG_S)
    rows = []
    for link, use in (("upload", _put), ("download", _get)):
        role = target.web_told[f"RAWMILL_{link.upper()}_SIGNER_ROLE_ARN"].rpartition("/")[2]
        rows.append(_row(link, "before its role was changed", use(links), 200))
        with_iam: Any = target.clients.client("iam")
        with_iam.put_role_policy(RoleName=role, PolicyName=_POLICY, PolicyDocument=json.dumps(_DENY_ALL))
        try:
            rows.append(_row(link, "while its role is denied everything", use(links), 403))
        finally:
            with_iam.delete_role_policy(RoleName=role, PolicyName=_POLICY)
        rows.append(_row(link, "when the denial is taken back", use(links), 200))
    return rows


def _signed(target: Field, name: str, *, life_s: int, digest: bool = False) -> Links:
    """Links of a key that has a result already."""
    signed_at = time.time()
    wanted = {"key": f"demo/evidence/{name}", "body": _BODY, "life_s": life_s, "digest": digest}
    done = subprocess.run(
        [sys.executable, "-m", "chaos.evidence.sign"],
        input=json.dumps(wanted),
        env=dict(target.web_told),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ChaosError(f"no link was signed: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout)
    return Links(
        # Signing took until now, a process's start included.
        signed_at=max(signed_at, time.time() - 1.0),
        upload=found["upload"]["url"],
        upload_headers=found["upload"]["headers"],
        download=found["download"]["url"],
    )


def _store_result(target: Field) -> None:
    for name in ("short", "other", "exact", "role"):
        target.clients.s3.put_object(
            Bucket=target.told["RAWMILL_RESULTS_BUCKET"], Key=f"results/demo/evidence/{name}", Body=_BODY.encode()
        )


def _row(link: str, what: str, answer: tuple[int, str], *wanted: int) -> dict[str, Any]:
    return {"link": link, "what": what, "answer": answer[0], "says": answer[1], "wanted": list(wanted)}


def _put(links: Links, *, url: str | None = None, body: str = _BODY) -> tuple[int, str]:
    headers = {**links.upload_headers, "content-length": str(len(body))}
    return _send("PUT", url or links.upload, body, headers)


def _get(links: Links) -> tuple[int, str]:
    return _send("GET", links.download)


def _twice(links: Links) -> tuple[int, str]:
    _put(links)
    return _put(links)


def _send(method: str, url: str, body: str = "", headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status, and the code of storage's error."""
    answer = httpx.request(method, url, content=body.encode() or None, headers=headers, timeout=30)
    _, _, rest = answer.text.partition("<Code>")
    return answer.status_code, rest.partition("</Code>")[0]


def _changed(url: str, change: Callable[[str], str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=change(parts.path)))


def _other_key(url: str) -> str:
    return _changed(url, lambda path: f"{path}-other")


def _other_bucket(url: str, bucket: str) -> str:
    return _changed(url, lambda path: f"/{bucket}/{path.split('/', 2)[2]}")


def _unsigned(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query=""))


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))
