"""Settings of how the platform is run: what it may cost, who is told, who may deploy it."""

from typing import Annotated, Literal

from pydantic import Field

from stacks.settings.types import EmailAddress, GitHubName, GitHubRepository, PolicyName, Strict

Usd = Annotated[float, Field(gt=0, le=1_000_000, strict=False)]
LogRetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 400, 731, 1827]


class BudgetSettings(Strict):
    """What a month may cost, and what workers cost, so that a limit which no budget covers is refused.

    Attributes:
        monthly_usd: people are told when the month's cost comes near it.
        alert_emails: who is told, beside the subscribers of alarms.
        worker_instance_usd_per_hour: price of one instance of `workers.instance_type` in the region.
        burst_task_usd_per_hour: price of one burst task on Fargate in the region.
        peak_hours_per_month: for how many hours of a month the workers may be expected at their limits.
    """

    monthly_usd: Usd
    alert_emails: Annotated[tuple[EmailAddress, ...], Field(strict=False, max_length=10)] = ()
    worker_instance_usd_per_hour: Usd
    burst_task_usd_per_hour: Usd = 0.2
    peak_hours_per_month: Annotated[int, Field(ge=1, le=730)] = 60


class IdentitySettings(Strict):
    """Roles: what bounds them, and which repository may deploy.

    Attributes:
        permissions_boundary: name of a managed policy of the account, put on every role that is made.
        github_repository: `owner/name` of the repository whose workflows may deploy; without it there is no such role.
        github_environment: the environment on GitHub that a deploying workflow must run in, where approvals are kept;
            named like this environment when left out.
        github_provider_exists: the account already has GitHub's identity provider, of which there can be only one.
    """

    permissions_boundary: PolicyName | None = None
    github_repository: GitHubRepository | None = None
    github_environment: GitHubName | None = None
    github_provider_exists: bool = False


class ObservabilitySettings(Strict):
    """Logs and alarms.

    Attributes:
        log_retention_days: logs of everything but the network, which has its own.
        alarm_emails: subscribed to the alarm topic; each has to confirm once.
    """

    log_retention_days: LogRetentionDays = 90
    alarm_emails: Annotated[tuple[EmailAddress, ...], Field(strict=False, max_length=10)] = ()
