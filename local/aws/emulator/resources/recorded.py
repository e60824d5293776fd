"""Types that exist in their stack alone: nothing on one machine scales, filters, bills or watches.

Each is named here one by one, with what Ref and Fn::GetAtt give, so that a type nobody thought of still fails the
deployment instead of passing in silence.
"""

from local.aws.emulator.resources.handler import Handler, Identify, arn_of, recorded


def handlers(_stock: dict[str, Handler]) -> dict[str, Handler]:
    """The recorded types, by name."""
    return {
        # One machine has no fleet: web and workers are the processes that the platform starts.
        "AWS::ECS::CapacityProvider": recorded(_named("Name")),
        "AWS::ECS::ClusterCapacityProviderAssociations": recorded(_property("Cluster")),
        "AWS::ApplicationAutoScaling::ScalableTarget": recorded(
            lambda properties, _: "|".join(
                (properties["ResourceId"], properties["ScalableDimension"], properties["ServiceNamespace"])
            ),
            Id=lambda identity, _: identity,
        ),
        "AWS::ApplicationAutoScaling::ScalingPolicy": recorded(
            lambda properties, name: arn_of(
                "autoscaling", f"scalingPolicy:{name}:policyName/{properties['PolicyName']}"
            ),
            Arn=lambda identity, _: identity,
        ),
        # No load balancer carries the traffic, hence no firewall in front of it.
        "AWS::WAFv2::WebACLAssociation": recorded(
            lambda properties, _: f"{properties['WebACLArn']}|{properties['ResourceArn']}"
        ),
        "AWS::WAFv2::LoggingConfiguration": recorded(_property("ResourceArn")),
        "AWS::WAFv2::IPSet": recorded(
            lambda properties, name: f"{properties.get('Name', name)}|{name}|{properties['Scope']}",
            Arn=lambda identity, _: arn_of("wafv2", f"regional/ipset/{identity.split('|')[0]}"),
            Id=lambda identity, _: identity.split("|")[1],
        ),
        # Its evaluation of alarms knows no metric math and no metrics of queues: alarms are proved over the template.
        "AWS::CloudWatch::CompositeAlarm": recorded(
            _named("AlarmName"), Arn=lambda identity, _: arn_of("cloudwatch", f"alarm:{identity}")
        ),
        "AWS::Budgets::Budget": recorded(
            lambda properties, name: properties["Budget"].get("BudgetName", name),
        ),
        "AWS::Logs::QueryDefinition": recorded(_named("Name"), QueryDefinitionId=lambda identity, _: identity),
        "AWS::IAM::OIDCProvider": recorded(
            lambda properties, _: arn_of("iam", f"oidc-provider/{properties['Url'].removeprefix('https://')}"),
            Arn=lambda identity, _: identity,
        ),
    }


def _named(name: str) -> Identify:
    return lambda properties, generated: str(properties.get(name, generated))


def _property(name: str) -> Identify:
    return lambda properties, _: str(properties[name])
