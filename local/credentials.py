"""Hands each process the credentials of its task's role, the way ECS does: an address on loopback that SDKs ask.

So a process here may do what its role allows on AWS, and nothing else. The credentials last an hour; SDKs ask again.
"""

import contextlib
import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from local.ports import LOOPBACK

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


class TaskCredentials:
    """Serves `/NAME` with the credentials of `roles[NAME]` to whoever has the token. Use as a context."""

    def __init__(self, sts: "STSClient", roles: Mapping[str, str]) -> None:
        self._token = secrets.token_urlsafe(32)
        self._server = _Server(sts, roles, self._token)
        self._thread = threading.Thread(target=self._server.serve_forever, name="task-credentials", daemon=True)
        self._thread.start()

    def environment(self, name: str) -> dict[str, str]:
        """What makes an AWS SDK ask here."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{LOOPBACK}:{self._server.server_port}/{name}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._token,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the address."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sts: "STSClient", roles: Mapping[str, str], token: str) -> None:
        self.sts, self.roles, self.token = sts, roles, token
        super().__init__((LOOPBACK, 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """One question for credentials."""
        name = self.path.strip("/")
        if not hmac.compare_digest(self.headers.get("Authorization", ""), self.server.token):
            self._answer(HTTPStatus.FORBIDDEN, {"message": "the token is missing or wrong"})
        elif name not in self.server.roles:
            self._answer(HTTPStatus.NOT_FOUND, {"message": f"no task is called {name}"})
        else:
            self._answer(*self._credentials(name))

    def _credentials(self, name: str) -> tuple[HTTPStatus, dict[str, str]]:
        role = self.server.roles[name]
        try:
            given = self.server.sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        except ClientError as error:
            return HTTPStatus.BAD_GATEWAY, {"message": str(error)}
        return HTTPStatus.OK, {
            "AccessKeyId": given["AccessKeyId"],
            "SecretAccessKey": given["SecretAccessKey"],
            "Token": given["SessionToken"],
            "Expiration": given["Expiration"].isoformat(),
            "RoleArn": role,
        }

    def _answer(self, status: HTTPStatus, content: Mapping[str, str]) -> None:
        body = json.dumps(content).encode()
        # Whoever asked may have been killed meanwhile.
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: questions for credentials are no news."""
