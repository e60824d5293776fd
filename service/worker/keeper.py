"""Extends the visibility and the lease of everything in hand, together, at a third of the visibility timeout."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from service.aws.queue import Message, Queue
from service.logs import logger
from service.worker.hand import Hand, Phase
from service.worker.loop import Lane, Loop
from service.worker.orders import ImageOrder, extend_leases

log = logger(__name__)


class Keeper:
    """Keeps what is in hand. Belongs to the loop's thread."""

    def __init__(
        self,
        loop: Loop,
        queue: Queue,
        *,
        visibility_timeout_s: int,
        hands: Callable[[], Sequence[Hand]],
        drop: Callable[[Hand, str], None],
    ) -> None:
        """`hands` says what is in hand; `drop` is told what shall not be any more, and why."""
        self._loop, self._queue = loop, queue
        self._lasting_s = visibility_timeout_s
        self._hands, self._drop = hands, drop

    def begin(self) -> None:
        """Start; goes on by itself."""
        self._loop.later(self._lasting_s / 3, self._keep)

    def _keep(self) -> None:
        now_s = time.monotonic()
        for hand in [hand for hand in self._hands() if now_s > hand.deadline_s]:
            self._drop(hand, "in hand for longer than its time limit")
        # What is on its way back is left alone: hidden once more, it would come back late.
        kept = [hand for hand in self._hands() if hand.phase is not Phase.LEFT]
        if kept:
            messages = [hand.order.message for hand in kept]
            hide = partial(self._queue.extend_many, messages, hidden_s=self._lasting_s)
            self._loop.run(Lane.QUEUE, hide, _hidden)
        leased = [hand for hand in kept if hand.order.token is not None and not hand.settled]
        if leased:
            extend = partial(extend_leases, *_tokens(leased), lease_s=self._lasting_s)
            self._loop.run(Lane.DATABASE, extend, partial(self._extended, leased))
        self.begin()

    def _extended(self, leased: Sequence[Hand], ours: frozenset[UUID] | Exception) -> None:
        if isinstance(ours, Exception):
            log.warning("lease_not_extended", in_hand=len(leased), error=str(ours))
            return
        for hand in leased:
            if hand.order.token not in ours and not hand.settled and hand.phase is not Phase.LEFT:
                self._drop(hand, "the lease was lost")


def _hidden(lost: list[Message] | Exception) -> None:
    """The lease decides whose an image is; a lost delivery only means that somebody else was told of it too."""
    if isinstance(lost, Exception):
        log.warning("visibility_not_extended", error=str(lost))
    elif lost:
        log.warning("delivery_lost", messages=len(lost))


def _tokens(leased: Sequence[Hand]) -> tuple[list[UUID], list[UUID]]:
    """Lease tokens of images and of archives."""
    images: list[UUID] = []
    archives: list[UUID] = []
    for hand in leased:
        if hand.order.token is not None:
            (images if isinstance(hand.order, ImageOrder) else archives).append(hand.order.token)
    return images, archives
