"""Names of what has none before deployment: one for each resource, equal only to itself, in the form of its ARN."""

from collections.abc import Mapping

from audit.assembly import Assembly, Reference, Resource, Text, Unknown, Value
from audit.errors import NotModelledError

_REF_IS_ARN = frozenset(
    {
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::OIDCProvider",
        "AWS::SNS::Topic",
        "AWS::SecretsManager::Secret",
    }
)
"""Types whose `Ref` is the ARN; the others' is a name."""

_ARNS: Mapping[str, str] = {
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::ECR::Repository": "arn:aws:ecr:{region}:{account}:repository/{name}",
    "AWS::ECS::Cluster": "arn:aws:ecs:{region}:{account}:cluster/{name}",
    "AWS::ECS::Service": "arn:aws:ecs:{region}:{account}:service/{name}",
    "AWS::ECS::TaskDefinition": "arn:aws:ecs:{region}:{account}:task-definition/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::OIDCProvider": "arn:aws:iam::{account}:oidc-provider/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::IAM::User": "arn:aws:iam::{account}:user/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::RDS::DBInstance": "arn:aws:rds:{region}:{account}:db:{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SSM::Parameter": "arn:aws:ssm:{region}:{account}:parameter/{name}",
    "AWS::Scheduler::ScheduleGroup": "arn:aws:scheduler:{region}:{account}:schedule-group/{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}",
}
_ARN_ATTRIBUTES = frozenset({"Arn", "TopicArn", "TableArn", "ServiceArn"})
_PHYSICAL_NAMES = (
    "BucketName",
    "ClusterName",
    "Family",
    "FunctionName",
    "LogGroupName",
    "ManagedPolicyName",
    "QueueName",
    "RepositoryName",
    "RoleName",
    "TopicName",
)


class Names:
    """Renders values of an assembly as strings that can be compared with patterns."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    def text(self, value: Value) -> str:
        """A value as one string.

        Raises:
            NotModelledError: it is unknown, or no string.
        """
        match value:
            case str():
                return value
            case Reference():
                return self._reference(value)
            case Text():
                return value.render(self._reference)
            case bool():
                return str(value).lower()
            case int() | float():
                return str(value)
            case Unknown():
                raise NotModelledError(value.why)
            case _:
                raise NotModelledError(f"{value} is no string")

    def arn(self, resource: Resource) -> str:
        """The ARN that a resource will have, with its name in place of what is not known."""
        form = _ARNS.get(resource.kind)
        return form.format(**self._place(resource)) if form else f"arn:aws:unknown:::{self.name(resource)}"

    def name(self, resource: Resource) -> str:
        """The physical name that the template gives, or one that stands for the resource."""
        for key in _PHYSICAL_NAMES:
            given = resource.properties.get(key)
            if isinstance(given, str):
                return f"{given}:<revision>" if key == "Family" else given
        if resource.kind == "AWS::IAM::OIDCProvider" and isinstance(url := resource.properties.get("Url"), str):
            return url.removeprefix("https://")
        return f"<{resource.address}>"

    def _reference(self, reference: Reference) -> str:
        resource = self._assembly.resources.get(reference.address)
        if resource is None:
            return f"<{reference.address}.{reference.attribute}>"
        if reference.attribute in _ARN_ATTRIBUTES or (not reference.attribute and resource.kind in _REF_IS_ARN):
            return self.arn(resource)
        if not reference.attribute:
            return self.name(resource)
        if reference.attribute == "MasterUserSecret.SecretArn":
            place = self._place(resource)
            return (
                f"arn:aws:secretsmanager:{place['region']}:{place['account']}:secret:<{reference.address} master user>"
            )
        return f"<{reference.address}.{reference.attribute}>"

    def _place(self, resource: Resource) -> dict[str, str]:
        template = self._assembly.stacks[resource.address.stack]
        return {
            "name": self.name(resource),
            "region": template.region or "<region>",
            "account": template.account or "<account>",
        }


def arn_of_path(assembly: Assembly, text: str) -> str | None:
    """The ARN of the resource whose construct path a text begins with, followed by the rest of the text."""
    names = Names(assembly)
    arns = {resource.path.removesuffix("/Resource"): names.arn(resource) for resource in assembly.resources.values()}
    for path in sorted(arns, key=len, reverse=True):
        if text == path or text.startswith(f"{path}/"):
            return f"{arns[path]}{text.removeprefix(path)}"
    return None
