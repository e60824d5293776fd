"""Bucket properties that ministack's CloudFormation drops in silence, put through its own S3 calls."""

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import s3

from local.aws.emulator.resources.handler import Handler, Properties, UnsupportedPropertyError, extended

_STOCK = {
    "BucketName",
    "CorsConfiguration",
    "NotificationConfiguration",
    "PublicAccessBlockConfiguration",
    "VersioningConfiguration",
}


def handlers(stock: dict[str, Handler]) -> dict[str, Handler]:
    """The storage types, by name."""
    return {"AWS::S3::Bucket": extended(stock["AWS::S3::Bucket"], _configure)}


def _configure(bucket: str, properties: Properties, attributes: dict[str, Any]) -> dict[str, Any]:
    calls: dict[str, tuple[Callable[[Any], Element], Callable[..., Any], Callable[..., Any] | None]] = {
        "BucketEncryption": (_encryption, s3._put_bucket_encryption, s3._delete_bucket_encryption),
        "LifecycleConfiguration": (_lifecycle, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        "LoggingConfiguration": (_logging, s3._put_bucket_logging, None),
        "OwnershipControls": (_ownership, s3._put_bucket_ownership_controls, s3._delete_bucket_ownership_controls),
        "Tags": (_tags, s3._put_bucket_tagging, s3._delete_bucket_tagging),
    }
    # What every bucket is: any other would have to be put.
    private = {"AccessControl"} if properties.get("AccessControl") == "Private" else set()
    dropped = properties.keys() - calls.keys() - _STOCK - private
    if dropped:
        raise UnsupportedPropertyError(
            f"{', '.join(sorted(dropped))} of AWS::S3::Bucket would be dropped on this machine"
        )
    for name, (body, put, delete) in calls.items():
        if name in properties:
            status, _headers, answer = put(bucket, tostring(body(properties[name])))
            if status >= 400:
                raise ValueError(f"{name} of {bucket}: {answer!r}")
        elif delete is not None:
            delete(bucket)
    return attributes


def _encryption(given: Properties) -> Element:
    root = Element("ServerSideEncryptionConfiguration")
    for rule in given["ServerSideEncryptionConfiguration"]:
        element = SubElement(root, "Rule")
        _fill(SubElement(element, "ApplyServerSideEncryptionByDefault"), rule["ServerSideEncryptionByDefault"])
        _fill(element, {"BucketKeyEnabled": rule.get("BucketKeyEnabled", False)})
    return root


def _lifecycle(given: Properties) -> Element:
    root = Element("LifecycleConfiguration")
    for rule in given["Rules"]:
        element = SubElement(root, "Rule")
        for name, value in _lifecycle_rule(rule):
            child = SubElement(element, name)
            if isinstance(value, dict):
                _fill(child, value)
            else:
                child.text = str(value)
    return root


def _lifecycle_rule(rule: Properties) -> Iterator[tuple[str, Any]]:
    """One rule in the names of the S3 call."""
    known = {
        "AbortIncompleteMultipartUpload",
        "ExpirationInDays",
        "ExpiredObjectDeleteMarker",
        "Id",
        "NoncurrentVersionExpiration",
        "Prefix",
        "Status",
        "Transitions",
    }
    if rule.keys() - known:
        raise UnsupportedPropertyError(f"{', '.join(sorted(rule.keys() - known))} of a lifecycle rule would be dropped")
    yield "ID", rule.get("Id", "")
    yield "Status", rule["Status"]
    yield "Filter", {"Prefix": rule.get("Prefix", "")}
    for transition in rule.get("Transitions", []):
        yield "Transition", {"Days": transition["TransitionInDays"], "StorageClass": transition["StorageClass"]}
    if "ExpirationInDays" in rule:
        yield "Expiration", {"Days": rule["ExpirationInDays"]}
    elif "ExpiredObjectDeleteMarker" in rule:
        yield "Expiration", {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            yield name, rule[name]


def _logging(given: Properties) -> Element:
    root = Element("BucketLoggingStatus")
    target = {"TargetBucket": given["DestinationBucketName"], "TargetPrefix": given.get("LogFilePrefix", "")}
    _fill(SubElement(root, "LoggingEnabled"), target)
    return root


def _ownership(given: Properties) -> Element:
    root = Element("OwnershipControls")
    for rule in given["Rules"]:
        _fill(SubElement(root, "Rule"), rule)
    return root


def _tags(given: list[dict[str, str]]) -> Element:
    root = Element("Tagging")
    tags = SubElement(root, "TagSet")
    for tag in given:
        _fill(SubElement(tags, "Tag"), tag)
    return root


def _fill(element: Element, values: Properties) -> None:
    for name, value in values.items():
        SubElement(element, name).text = str(value).lower() if isinstance(value, bool) else str(value)
