"""Container images: ECR hands out the address of a registry on this machine, which holds them and is asked about them.

Only what `cdk deploy` asks of ECR on its way to the registry is changed: where a repository is, where to log in, and
whether a tag is there. ministack would say that every tag is, and nothing would ever be built.
"""

import http.client
import json
import os
from typing import Any

from ministack.services import ecr

REGISTRY = "RAWMILL_LOCAL_REGISTRY"
"""HOST:PORT, given by whoever starts the endpoints. Without one there are no images: those asked for count as there."""

_TIMEOUT_S = 10
_MANIFESTS = ", ".join(
    f"application/vnd.{kind}"
    for kind in (
        "docker.distribution.manifest.v2+json",
        "docker.distribution.manifest.list.v2+json",
        "oci.image.manifest.v1+json",
        "oci.image.index.v1+json",
    )
)


def install() -> None:
    """Send image publishers to the registry."""
    registry = os.environ.get(REGISTRY)
    stock_uri, stock_token = ecr._repo_uri, ecr._get_authorization_token

    def uri(name: str) -> str:
        return f"{registry}/{name}" if registry else str(stock_uri(name))

    def token(data: dict[str, Any]) -> Any:
        status, headers, body = stock_token(data)
        answer = json.loads(body)
        if registry:
            answer["authorizationData"][0]["proxyEndpoint"] = f"http://{registry}"
        return status, headers, json.dumps(answer).encode()

    def describe(data: dict[str, Any]) -> Any:
        name, tags = data["repositoryName"], [image.get("imageTag") for image in data.get("imageIds", [])]
        if name not in ecr._repositories or not all(tags) or not tags:
            return stock_describe(data)
        found = {tag: _digest(registry, name, tag) if registry else _NONE for tag in tags}
        missing = [tag for tag, digest in found.items() if digest is None]
        if missing:
            message = (
                f"The image with imageId {{imageTag:'{missing[0]}'}} does not exist within the repository '{name}'"
            )
            return ecr.error_response_json("ImageNotFoundException", message, 400)
        details = [{"repositoryName": name, "imageTags": [tag], "imageDigest": digest} for tag, digest in found.items()]
        return ecr.json_response({"imageDetails": details})

    stock_describe = ecr._describe_images
    ecr._repo_uri, ecr._get_authorization_token, ecr._describe_images = uri, token, describe


_NONE = f"sha256:{'0' * 64}"


def _digest(registry: str, repository: str, tag: str) -> str | None:
    """The digest of what the registry holds under a tag; None when it holds nothing."""
    connection = http.client.HTTPConnection(registry, timeout=_TIMEOUT_S)
    try:
        connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": _MANIFESTS})
        answer = connection.getresponse()
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"the registry {registry} answers {answer.status} for {repository}:{tag}")
        return answer.headers["Docker-Content-Digest"]
    finally:
        connection.close()
