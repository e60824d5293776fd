"""Database and session store: the records point at the servers of this machine, the master secret is a real secret."""

import json
import os
import secrets
from typing import Any

from ministack.services import elasticache, rds, secretsmanager

from local.aws.emulator.resources.handler import Handler, Properties, extended

# Where the servers of this machine listen: given by whoever starts the endpoints.
DATABASE_HOST = "RAWMILL_LOCAL_DATABASE_HOST"
DATABASE_PORT = "RAWMILL_LOCAL_DATABASE_PORT"


def handlers(stock: dict[str, Handler]) -> dict[str, Handler]:
    """The database types, by name."""
    instance = stock["AWS::RDS::DBInstance"]
    return {
        "AWS::RDS::DBInstance": {**extended(instance, _on_this_machine), "delete": _deleting_secret(instance)},
        "AWS::ElastiCache::ReplicationGroup": extended(stock["AWS::ElastiCache::ReplicationGroup"], _as_template_says),
    }


def _on_this_machine(identity: str, properties: Properties, attributes: dict[str, Any]) -> dict[str, Any]:
    record = rds._instances[identity]
    host, port = os.environ.get(DATABASE_HOST), os.environ.get(DATABASE_PORT)
    if host and port:
        record["Endpoint"] |= {"Address": host, "Port": int(port)}
        attributes |= {"Endpoint.Address": host, "Endpoint.Port": port}
    if str(properties.get("ManageMasterUserPassword", False)).lower() == "true":
        attributes["MasterUserSecret.SecretArn"] = _master_secret(identity, properties)
    return attributes


def _master_secret(identity: str, properties: Properties) -> str:
    """ARN of the secret that RDS would make and rotate; made once."""
    name = _secret_name(identity)
    for record in secretsmanager._secrets.values():
        if record["Name"] == name:
            return str(record["ARN"])
    value = {"username": properties["MasterUsername"], "password": secrets.token_urlsafe(24)}
    request: dict[str, Any] = {"Name": name, "SecretString": json.dumps(value)}
    key = properties.get("MasterUserSecret", {}).get("KmsKeyId")
    if key:
        request["KmsKeyId"] = key
    status, _headers, body = secretsmanager._create_secret(request)
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"the master secret of {identity}: {answer}")
    return str(answer["ARN"])


def _deleting_secret(stock: Handler) -> Any:
    def delete(identity: str, properties: Properties) -> None:
        stock["delete"](identity, properties)
        secretsmanager._delete_secret({"SecretId": _secret_name(identity), "ForceDeleteWithoutRecovery": True})

    return delete


def _secret_name(identity: str) -> str:
    return f"rds!{identity}"


def _as_template_says(identity: str, properties: Properties, attributes: dict[str, Any]) -> dict[str, Any]:
    """Encryption in transit is part of the record although the server of this machine speaks plain text."""
    record = elasticache._replication_groups[identity]
    record["TransitEncryptionEnabled"] = properties.get("TransitEncryptionEnabled", False)
    return attributes
