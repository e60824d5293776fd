"""Whoever has a link can do the one thing that it is for: nothing else with it, nothing else by changing it."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.tasks import Part, Task
from service.aws.clients import Clients
from service.aws.signers import SESSION_S, download_signer, upload_signer
from service.aws.storage import MIB, Bucket
from tests.local.conftest import Deployed
from tests.local.test_permissions import client_of, credentials, tasks  # noqa: F401 - fixtures

REGION = "eu-west-1"
DATA = b"camera raw"
REFUSED = {400, 403, 404, 405}
"""What storage says to a link that is not what was signed, by what is wrong with it."""


@pytest.fixture
def told(
    client_of: Callable[[Part, str], Any],  # noqa: F811
    tasks: dict[Part, Task],  # noqa: F811
) -> Mapping[str, str]:
    """What the web task is told, its credentials in this process's environment included."""
    client_of(Part.WEB, "sts")
    return tasks[Part.WEB].environment


@pytest.fixture
def uploads(told: Mapping[str, str]) -> Bucket:
    """The uploads bucket with the permissions of the role that signs for it."""
    role, bucket = told["RAWMILL_UPLOAD_SIGNER_ROLE_ARN"], told["RAWMILL_UPLOADS_BUCKET"]
    return upload_signer(Clients(region=REGION), role_arn=role, bucket=bucket, link_s=3600).bucket


@pytest.fixture
def results(told: Mapping[str, str]) -> Bucket:
    """The results bucket in the same way."""
    role, bucket = told["RAWMILL_DOWNLOAD_SIGNER_ROLE_ARN"], told["RAWMILL_RESULTS_BUCKET"]
    return download_signer(Clients(region=REGION), role_arn=role, bucket=bucket, link_s=3600).bucket


def changes_of(url: str, key: str, bucket: str) -> dict[str, str]:
    """Links that somebody makes of one: each opens another door, if it opens."""
    return {
        "another key": url.replace(key, f"{key}-other"),
        "the folder above": url.replace(key, f"{key}/../other"),
        "another bucket": url.replace(bucket, f"{bucket}-other"),
        "a longer life": re.sub(r"X-Amz-Expires=\d+", "X-Amz-Expires=604800", url),
        "a later date": re.sub(r"X-Amz-Date=\d{8}", "X-Amz-Date=20991231", url),
        "no signature": re.sub(r"&X-Amz-Signature=[0-9a-f]+", "", url),
        "another signature": re.sub(r"(X-Amz-Signature=)[0-9a-f]{8}", r"\g<1>00000000", url),
        "no session": re.sub(r"&X-Amz-Security-Token=[^&]+", "", url),
        "fewer signed headers": re.sub(r"X-Amz-SignedHeaders=[^&]+", "X-Amz-SignedHeaders=host", url) + "&x=1",
        "another operation": f"{url}&tagging",
        "access for all": f"{url}&acl",
        "another version": f"{url}&versionId=null",
        "no query": url.partition("?")[0],
    }


def test_an_upload_link_takes_one_object_of_one_size_and_gives_nothing(uploads: Bucket) -> None:
    key = f"uploads/{uuid4()}"
    link = uploads.upload_link(key, size_bytes=len(DATA), lifetime_s=60)
    for what, url in changes_of(link.url, key, uploads.name).items():
        assert httpx.put(url, content=DATA, headers=link.headers).status_code in REFUSED, what
    for method in ("GET", "HEAD", "DELETE", "POST"):
        assert httpx.request(method, link.url, content=DATA).status_code in REFUSED, method
    for size in (0, len(DATA) - 1, len(DATA) + 1, MIB):
        assert httpx.put(link.url, content=bytes(size)).status_code in REFUSED, size
    assert httpx.put(link.url, content=DATA, headers=link.headers).status_code == 200
    ended = uploads.upload_link(key, size_bytes=len(DATA), lifetime_s=-1)
    assert httpx.put(ended.url, content=DATA, headers=ended.headers).status_code in REFUSED


def test_the_link_of_a_part_takes_that_part_of_that_upload(uploads: Bucket, deployed: Deployed) -> None:
    key = f"uploads/{uuid4()}"
    upload, another = (
        deployed.clients.s3.create_multipart_upload(Bucket=uploads.name, Key=key)["UploadId"] for _ in "ab"
    )
    link = uploads.part_link(key, upload, number=2, size_bytes=len(DATA), lifetime_s=60)
    for what, url in {
        "another part": link.url.replace("partNumber=2", "partNumber=3"),
        "another upload": link.url.replace(upload, another),
        "the whole object": re.sub(r"(partNumber|uploadId)=[^&]+&", "", link.url),
    }.items():
        assert url != link.url, what
        assert httpx.put(url, content=DATA, headers=link.headers).status_code in REFUSED, what
    assert httpx.put(link.url, content=DATA + b"x").status_code in REFUSED, "another size"
    assert httpx.delete(link.url).status_code in REFUSED, "giving the upload up"
    assert httpx.put(link.url, content=DATA, headers=link.headers).status_code == 200


def test_a_download_link_reads_one_object_under_its_name_and_changes_nothing(
    results: Bucket, deployed: Deployed
) -> None:
    key = f"results/{uuid4()}"
    deployed.clients.s3.put_object(Bucket=results.name, Key=key, Body=DATA)
    url = results.download_link(key, lifetime_s=60, file_name="a.jpg").url
    for what, changed in {
        **changes_of(url, key, results.name),
        "another name": url.replace("a.jpg", "b.exe"),
        "shown, not saved": re.sub(r"response-content-disposition=[^&]+&", "", url),
        "as a page": f"{url}&response-content-type=text/html",
        "as a list": f"{url.replace('/' + key, '')}&list-type=2",
    }.items():
        assert changed != url, what
        assert httpx.get(changed).status_code in REFUSED, what
    for method in ("PUT", "DELETE", "POST"):
        assert httpx.request(method, url).status_code in REFUSED, method
    answer = httpx.get(url)
    assert (answer.content, answer.headers["Content-Disposition"]) == (DATA, 'attachment; filename="a.jpg"')
    deployed.clients.s3.delete_object(Bucket=results.name, Key=key)
    assert httpx.get(url).status_code == 404, "what was deleted is gone for links as well"


def test_no_link_outlives_an_hour_whatever_is_configured(told: Mapping[str, str]) -> None:
    """A role that another role assumes keeps its session for an hour, and a link dies with its session."""
    assert SESSION_S == 3600
    for make, name in ((upload_signer, "UPLOAD"), (download_signer, "DOWNLOAD")):
        role = told[f"RAWMILL_{name}_SIGNER_ROLE_ARN"]
        life = make(Clients(region=REGION), role_arn=role, bucket="any", link_s=12 * 3600).lifetime()
        assert 0 < life.expires_in_s <= 3600
