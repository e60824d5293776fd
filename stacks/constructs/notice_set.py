"""Notices as EventBridge rules that publish to the alarm topic, in words."""

import json
from collections.abc import Iterable

from aws_cdk import aws_events as events
from constructs import Construct

from stacks.alarms.notices import Notice
from stacks.constructs.naming import pascal
from stacks.settings import Settings


class NoticeSet(Construct):
    """One rule for each notice, by its name."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, notices: Iterable[Notice], topic_arn: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.resources = {notice.name: self._add(notice, settings, topic_arn) for notice in notices}

    def _add(self, notice: Notice, settings: Settings, topic_arn: str) -> events.CfnRule:
        told = (
            f"rawmill-{settings.name}-{notice.name}: {notice.hurts} AWS says: <says> (<time>). "
            f"runbook: docs/runbooks/{notice.runbook}.md"
        )
        return events.CfnRule(
            self,
            pascal(notice.name),
            description=notice.hurts,
            state="ENABLED",
            event_pattern=dict(notice.pattern),
            targets=[
                events.CfnRule.TargetProperty(
                    id="AlarmTopic",
                    arn=topic_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={"says": notice.says, "time": "$.time"},
                        input_template=json.dumps(told, ensure_ascii=False),
                    ),
                )
            ],
        )
