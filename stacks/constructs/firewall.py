"""The web application firewall in front of the load balancer."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from stacks.constructs.naming import name_tag
from stacks.constructs.stateful import kept
from stacks.settings import Settings

_Acl = waf.CfnWebACL

_RATE_WINDOW_S = 300

_MANAGED: dict[str, tuple[str, ...]] = {
    # Addresses that AWS knows for bots and attacks: turned away before anything is read.
    "AWSManagedRulesAmazonIpReputationList": (),
    # A job's file names come in one request of up to 10 000, about 2 MB; the rule refuses bodies above 8 KB. It counts
    # only, and what a body may be is the service's to say.
    "AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
}
"""AWS's rule groups in their order, and the rules of each that count instead of refusing."""


class Firewall(Construct):
    """Rules that AWS keeps up to date, and a limit for each address. What is refused or counted is logged."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey, load_balancer_arn: str
    ) -> None:
        super().__init__(scope, construct_id)
        rules = [
            _managed(name, counting, priority=position) for position, (name, counting) in enumerate(_MANAGED.items(), 1)
        ]
        self.acl = _Acl(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=_Acl.DefaultActionProperty(allow={}),
            rules=[_rate_limit(settings.web.rate_limit_per_5_minutes), *rules],
            visibility_config=_visible("Web"),
            tags=name_tag(settings, "web"),
        )
        waf.CfnWebACLAssociation(self, "Association", resource_arn=load_balancer_arn, web_acl_arn=self.acl.attr_arn)
        self._log(settings, key)

    def _log(self, settings: Settings, key: kms.IKey) -> None:
        stack = cdk.Stack.of(self)
        # WAF takes no log group whose name begins otherwise.
        name = f"aws-waf-logs-rawmill-{settings.name}-web"
        records = logs.CfnLogGroup(
            self,
            "Records",
            log_group_name=name,
            retention_in_days=settings.observability.log_retention_days,
            kms_key_id=key.key_arn,
        )
        records.apply_removal_policy(kept(settings))
        logging = waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            # The group's own ARN ends in `:*`, which WAF refuses.
            log_destination_configs=[f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{name}"],
            # What was let through is in the load balancer's log.
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [
                            {"ActionCondition": {"Action": action}}
                            for action in ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")
                        ],
                    }
                ],
            },
            # Keys and sessions are no business of who reads logs.
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": header})
                for header in ("authorization", "cookie")
            ],
        )
        logging.add_resource_dependency(records)


def _managed(name: str, counting: tuple[str, ...], *, priority: int) -> waf.CfnWebACL.RuleProperty:
    short = name.removeprefix("AWSManagedRules")
    return _Acl.RuleProperty(
        name=short,
        priority=priority,
        statement=_Acl.StatementProperty(
            managed_rule_group_statement=_Acl.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=name,
                rule_action_overrides=[
                    _Acl.RuleActionOverrideProperty(name=rule, action_to_use=_Acl.RuleActionProperty(count={}))
                    for rule in counting
                ]
                or None,
            )
        ),
        override_action=_Acl.OverrideActionProperty(none={}),
        visibility_config=_visible(short),
    )


def _rate_limit(per_5_minutes: int) -> waf.CfnWebACL.RuleProperty:
    return _Acl.RuleProperty(
        name="RateLimit",
        # First, so that an address which is over its limit costs no other rule's time.
        priority=0,
        statement=_Acl.StatementProperty(
            rate_based_statement=_Acl.RateBasedStatementProperty(
                limit=per_5_minutes, evaluation_window_sec=_RATE_WINDOW_S, aggregate_key_type="IP"
            )
        ),
        action=_Acl.RuleActionProperty(
            block=_Acl.BlockActionProperty(
                custom_response=_Acl.CustomResponseProperty(
                    response_code=429,
                    response_headers=[_Acl.CustomHTTPHeaderProperty(name="Retry-After", value=str(_RATE_WINDOW_S))],
                )
            )
        ),
        visibility_config=_visible("RateLimit"),
    )


def _visible(metric: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return _Acl.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
