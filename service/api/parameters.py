"""Query parameters and headers that several calls take."""

from typing import Annotated

from ninja import Header, Query

from service.api.wire import BULK

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="any string of your own, such as a UUID: the same key and body give the same job, not another one",
    ),
]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=100, description="the last id that you saw; it is not sent again"),
]
Cursor = Annotated[str | None, Query(max_length=512, description="`next_cursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=BULK, description="entries of a page")]
