"""Secrets: Ref gives the ARN, as on AWS, and generated ones leave out every class of characters they should."""

import string
from typing import Any

from ministack.services import secretsmanager

from local.aws.emulator.resources.handler import Handler, Properties, Result, rewritten

_CLASSES = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
    "ExcludeUppercase": string.ascii_uppercase,
}


def handlers(stock: dict[str, Handler]) -> dict[str, Handler]:
    """The secret types, by name."""
    plain = rewritten(stock["AWS::SecretsManager::Secret"], _classes_spelled_out)

    def create(logical_id: str, properties: Properties, stack: str) -> Result:
        _name, attributes = plain["create"](logical_id, properties, stack)
        return attributes["Id"], attributes

    def update(arn: str, old: Properties, new: Properties, *rest: Any) -> Result:
        _name, attributes = plain["update"](_name_of(arn), old, new, *rest)
        return attributes["Id"], attributes

    def delete(arn: str, properties: Properties) -> None:
        plain["delete"](_name_of(arn), properties)

    return {"AWS::SecretsManager::Secret": {**plain, "create": create, "update": update, "delete": delete}}


def _name_of(arn: str) -> str:
    """What ministack keeps the secret under."""
    return next((str(name) for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)


def _classes_spelled_out(properties: Properties) -> Properties:
    wanted = properties.get("GenerateSecretString")
    if not wanted:
        return properties
    excluded = [characters for name, characters in _CLASSES.items() if str(wanted.get(name)).lower() == "true"]
    spelled_out = wanted.get("ExcludeCharacters", "") + "".join(excluded)
    return {**properties, "GenerateSecretString": {**wanted, "ExcludeCharacters": spelled_out}}
