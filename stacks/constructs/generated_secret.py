"""A secret that nobody has ever seen: Secrets Manager makes it up."""

from collections.abc import Iterator

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.stateful import kept, pin
from stacks.settings import Settings


def generated_secret(
    scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey, logical_id: str, what: str
) -> secretsmanager.CfnSecret:
    """64 letters and digits, encrypted with the key: 381 bits, and nothing that a header or a shell would mind."""
    secret = secretsmanager.CfnSecret(
        scope,
        construct_id,
        description=f"{what} of rawmill {settings.name}",
        kms_key_id=key.key_arn,
        generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
            password_length=64, exclude_punctuation=True
        ),
    )
    pin(secret, logical_id).apply_removal_policy(kept(settings))
    return secret


def never_rotated(secret: secretsmanager.CfnSecret, why: str) -> Iterator[Acknowledgement]:
    """What every pack says of a secret that no schedule replaces."""
    for rule in (
        "AwsSolutions-SMG4",
        "NIST.800.53.R5-SecretsManagerRotationEnabled",
        "HIPAA.Security-SecretsManagerRotationEnabled",
    ):
        yield Acknowledgement(resource=secret, rule=rule, reason=f"ACCEPTED: {why}")
