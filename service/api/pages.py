"""Pages by cursor: where the last one ended, so that rows which come and go move nothing."""

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from service.api.problems import Code, Problem


def cursor_of(*place: str | int) -> str:
    """An opaque string for a place in an order."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def position_after(cursor: str | None) -> int:
    """Where a page of images begins."""
    if cursor is None:
        return -1
    match _place(cursor):
        case [int(position)] if 0 <= position < 2**31:
            return position
    raise _refused()


def job_before(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Where a page of jobs begins: time and id of the last one seen."""
    if cursor is None:
        return None
    match _place(cursor):
        case [str(moment), str(job_id)]:
            try:
                found = datetime.fromisoformat(moment)
                if found.tzinfo is not None:
                    return found, UUID(job_id)
            except ValueError:
                pass
    raise _refused()


def _place(cursor: str) -> object:
    try:
        return json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _refused() from None


def _refused() -> Problem:
    detail = "must be the next_cursor of the page before"
    return Problem(Code.INVALID_REQUEST, f"cursor: {detail}", errors=[{"parameter": "cursor", "detail": detail}])
