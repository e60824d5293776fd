"""The Messaging stack: what waits to be worked on, and who is told when something is wrong."""

from collections.abc import Iterator

from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.base import PlatformStack
from stacks.constructs.alarm_topic import AlarmTopic
from stacks.constructs.queues import Queues
from stacks.settings import Settings


class MessagingStack(PlatformStack):
    """Job queue, dead-letter queue, alarm topic."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey) -> None:
        super().__init__(scope, construct_id, settings=settings)
        self._queues = Queues(self, "Queues", settings=settings, key=key)
        self.queue = self._queues.queue
        self.dead_letter_queue = self._queues.dead_letter_queue
        self.alarm_topic = AlarmTopic(self, "Alarms", settings=settings, key=key).topic

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """What the compliance packs find here and the design asks for."""
        return iter(())
