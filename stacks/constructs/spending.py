"""The budget: people hear of it while there is still something to be done about the month."""

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from stacks.settings import Settings

_Budget = budgets.CfnBudget

_MARKS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""Percent of the month's budget that has been spent, or will have been if the month goes on like this."""


class Spending(Construct):
    """A monthly budget over the whole account.

    Not over this environment's tags: a filter on tags that nobody has activated for billing matches nothing, and such a
    budget is silent for ever without an error. Environments that share an account hear of each other's cost.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, topic_arn: str) -> None:
        super().__init__(scope, construct_id)
        budget = settings.budget
        subscribers = [
            _Budget.SubscriberProperty(subscription_type="SNS", address=topic_arn),
            *(
                _Budget.SubscriberProperty(subscription_type="EMAIL", address=address)
                for address in budget.alert_emails
            ),
        ]
        self.budget = _Budget(
            self,
            "Month",
            budget=_Budget.BudgetDataProperty(
                # Its messages have room for no other words; a colon is not allowed in them.
                budget_name=f"rawmill-{settings.name}, runbook docs/runbooks/budget.md",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=_Budget.SpendProperty(amount=budget.monthly_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                _Budget.NotificationWithSubscribersProperty(
                    notification=_Budget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=subscribers,
                )
                for kind, percent in _MARKS
            ],
        )
