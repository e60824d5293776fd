"""A small service and storage over real HTTP that misbehave when told to: for what a good server never does.

It follows the API's wire format, keeps everything in memory and develops an image the moment it is confirmed. Faults
are laid in beforehand: each meets the next requests whose method and path it names.
"""

import base64
import hashlib
import io
import json
import re
import socket
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "rawmill_test_0123456789abcdef"
_HELD_S = 30.0
CREATED_AT = "2026-01-01T00:00:00Z"


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with the next requests of a kind.

    Attributes:
        method, path: of the requests; the path is a regular expression.
        times: how many of them.
        status: the answer, if it is one; 0 for a connection that is dropped.
        headers, body: of the answer.
        after_bytes: with status 0, how much of the request's body is read, or of a good answer's is sent, before.
        answer_lost: the request is carried out, and only its answer is lost.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after_bytes: int = 0
    answer_lost: bool = False


@dataclass(kw_only=True)
class CrookedImage:
    """An image of a job."""

    image_id: str
    position: int
    name: str
    size_bytes: int
    status: str = "pending"
    uploaded: bool = False
    upload_id: str | None = None
    parts: dict[int, bytes] = field(default_factory=dict)
    content: bytes = b""
    error_code: str | None = None
    error_message: str | None = None


@dataclass(kw_only=True)
class CrookedJob:
    """A job."""

    job_id: str
    images: list[CrookedImage]
    status: str = "pending"


class Crooked:
    """The server's state and its faults.

    Attributes:
        multipart_bytes: files above this go up in parts of `part_bytes`.
        held: images are not developed while this is set.
        loses: so many of the next uploads are gone when they are confirmed.
        seen: every request: method and path.
        most_at_once: uploads that were under way together.
        together: the first uploads wait for so many of them.
    """

    def __init__(self) -> None:
        self.multipart_bytes = 1 << 20
        self.part_bytes = 1 << 18
        self.held = threading.Event()
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.most_at_once = 0
        self.together = 1
        self.jobs: dict[str, CrookedJob] = {}
        self.by_key: dict[str, str] = {}
        self.events = True
        self.loses = 0
        self.dead_links: set[str] = set()
        self.url = ""
        self.lock = threading.RLock()
        self._more = threading.Condition()
        self._now = 0

    def lay(self, method: str, path: str, **what: Any) -> None:
        """Lays in a fault."""
        self.faults.append(Fault(method=method, path=path, **what))

    def count(self, method: str, path: str) -> int:
        """How many requests of a kind came."""
        return sum(each == method and re.search(path, where) is not None for each, where in self.seen)

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault that meets a request, used up by one."""
        with self.lock:
            self.seen.append((method, path))
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts uploads under way; holds the first ones until `together` of them are, or nobody sends any more."""
        with self._more:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self._more.notify_all()
            self._more.wait_for(lambda: self.most_at_once >= self.together, timeout=_HELD_S)
        try:
            yield
        finally:
            with self._more:
                self._now -= 1

    def image(self, job_id: str, image_id: str) -> CrookedImage:
        """An image."""
        return next(each for each in self.jobs[job_id].images if each.image_id == image_id)

    # the wire format

    def job_document(self, job: CrookedJob) -> dict[str, Any]:
        """A job as the API answers it."""
        done = [each.status for each in job.images]
        completed = job.status == "completed"
        return {
            "job_id": job.job_id,
            "status": job.status,
            "images": {
                "total": len(job.images),
                "completed": done.count("completed"),
                "failed": done.count("failed"),
            },
            "created_at": CREATED_AT,
            "completed_at": CREATED_AT if completed else None,
            "download_url": self.link(f"/storage/{job.job_id}/archive.zip") if completed else None,
            "archive_bytes": len(self.archive(job)) if completed else None,
            "expires_in": 3600 if completed else None,
        }

    def image_document(self, job: CrookedJob, image: CrookedImage, *, links: bool = False) -> dict[str, Any]:
        """An image as the API answers it."""
        document: dict[str, Any] = {
            "image_id": image.image_id,
            "position": image.position,
            "name": image.name,
            "size_bytes": image.size_bytes,
            "status": image.status,
            "uploaded_at": CREATED_AT if image.uploaded else None,
            "error_code": image.error_code,
            "error_message": image.error_message,
        }
        if image.status == "completed":
            document["renditions"] = [
                {
                    "name": name,
                    "file_name": f"{image.position}-{name}.jpg",
                    "size_bytes": len(content),
                    "width_px": 3,
                    "height_px": 2,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "url": self.link(f"/storage/{job.job_id}/{image.image_id}/{name}.jpg") if links else None,
                }
                for name, content in self.renditions(image).items()
            ]
        return document

    def upload_document(self, job_id: str, image: CrookedImage, sha256: str | None) -> dict[str, Any]:
        """Links as the API answers them."""
        if image.uploaded:
            problem = {"status": 409, "code": "image_uploaded", "detail": "it was uploaded and accepted before"}
            return {"image_id": image.image_id, "problem": problem}
        where = f"/storage/uploads/{job_id}/{image.image_id}"
        if image.size_bytes <= self.multipart_bytes:
            checksum = {"x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode()} if sha256 else {}
            return {"image_id": image.image_id, "method": "put", "url": self.link(where), "headers": checksum}
        image.upload_id = image.upload_id or uuid.uuid4().hex
        missing = [n for n in range(1, -(-image.size_bytes // self.part_bytes) + 1) if n not in image.parts]
        return {
            "image_id": image.image_id,
            "method": "multipart",
            "upload_id": image.upload_id,
            "part_size_bytes": self.part_bytes,
            "parts": [
                {
                    "number": number,
                    "url": self.link(f"{where}?part={number}&upload={image.upload_id}"),
                    "headers": {},
                    "size_bytes": min(self.part_bytes, image.size_bytes - (number - 1) * self.part_bytes),
                }
                for number in missing
            ],
            "stored_parts": [
                {"number": number, "etag": f'"{number}"', "size_bytes": len(content)}
                for number, content in sorted(image.parts.items())
            ],
        }

    def link(self, path: str) -> str:
        """A link that can be told from others, so that one can expire and its successor not."""
        return f"{self.url}{path}{'&' if '?' in path else '?'}signature={uuid.uuid4().hex}"

    @staticmethod
    def renditions(image: CrookedImage) -> dict[str, bytes]:
        """What an image is developed into."""
        return {name: f"{name} of ".encode() + image.content[:1000] * size for name, size in (("4k", 50), ("thumb", 1))}

    def archive(self, job: CrookedJob) -> bytes:
        """All renditions of a job."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for image in job.images:
                if image.status == "completed":
                    for name, content in self.renditions(image).items():
                        archive.writestr(zipfile.ZipInfo(f"{image.position}.{name}.jpg"), content)
        return buffer.getvalue()

    def develop(self, job: CrookedJob, image: CrookedImage) -> None:
        """Develops an image at once; content that begins with `bad` fails."""
        if image.content.startswith(b"bad"):
            image.status, image.error_code, image.error_message = "failed", "damaged", "a test's damage"
        else:
            image.status = "completed"
        settled = [each.status for each in job.images]
        job.status = "processing"
        if not {"pending", "processing"} & set(settled):
            job.status = "completed" if "completed" in settled else "failed"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    crooked: Crooked

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Nothing."""

    def handle_any(self) -> None:
        """Answers, or misbehaves."""
        path = self.path
        fault = self.crooked.fault_for(self.command, path)
        self.crooked.headers_seen.append({"path": path} | {k.lower(): v for k, v in self.headers.items()})
        if fault is not None and self.command != "GET" and fault.status == 0 and not fault.answer_lost:
            self.rfile.read(fault.after_bytes)
            self.drop()
            return
        if fault is not None and fault.status == 403:
            self.crooked.dead_links.add(path)  # it stays refused: only a new link helps
        if fault is not None and fault.status:
            self.answer(fault.status, fault.body, fault.headers, unread=True)
            return
        cut = fault.after_bytes if fault else None
        if path.startswith("/storage/"):
            self.storage(cut)
        elif self.headers.get("Authorization") != f"Bearer {KEY}":
            self.problem(401, "unauthenticated", "the API key is not known")
        else:
            self.service(cut)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the base class names them

    def drop(self) -> None:
        """Breaks the connection the hard way."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.connection.close()
        # The base class flushes these when the handler ends.
        self.wfile = io.BytesIO()
        self.rfile = io.BytesIO()

    def answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, unread: bool = False,
        cut: int | None = None,
    ) -> None:  # fmt: skip
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if unread:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if cut is not None:
            self.wfile.write(body[:cut])
            self.close_connection = True
            return
        self.wfile.write(body)

    def json(self, document: Any, status: int = 200, cut: int | None = None) -> None:
        self.answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"}, cut=cut)

    def problem(self, status: int, code: str, detail: str, errors: list[Any] | None = None) -> None:
        document = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
        body = json.dumps(document | ({"errors": errors} if errors else {})).encode()
        self.answer(status, body, {"Content-Type": "application/problem+json", "X-Request-Id": "req-1"}, unread=True)

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    # storage

    def storage(self, cut: int | None) -> None:
        parts, crooked = urlsplit(self.path), self.crooked
        if self.path in crooked.dead_links or "signature" not in parse_qs(parts.query):
            self.answer(
                403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", unread=True
            )
        elif self.command == "PUT":
            with crooked.counted():
                self.take(parts.path, parse_qs(parts.query))
        else:
            self.give(parts.path, cut)

    def take(self, path: str, query: dict[str, list[str]]) -> None:
        _, _, _, job_id, image_id = path.split("/")
        content = self.rfile.read(int(self.headers["Content-Length"]))
        md5 = self.headers.get("Content-MD5")
        sha256 = self.headers.get("x-amz-checksum-sha256")
        right_md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        right_sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if not (md5 or sha256) or md5 not in {None, right_md5} or sha256 not in {None, right_sha256}:
            self.answer(400, b"<Error><Code>BadDigest</Code></Error>")
            return
        image = self.crooked.image(job_id, image_id)
        if "part" in query:
            if query["upload"] != [image.upload_id]:
                self.answer(404, b"<Error><Code>NoSuchUpload</Code></Error>")
                return
            image.parts[int(query["part"][0])] = content
        else:
            image.content = content
        self.answer(200, headers={"ETag": f'"{right_sha256[:8]}"'})

    def give(self, path: str, cut: int | None) -> None:
        _, _, job_id, *rest = path.split("/")
        job = self.crooked.jobs[job_id]
        if rest == ["archive.zip"]:
            content = self.crooked.archive(job)
        else:
            content = self.crooked.renditions(self.crooked.image(job_id, rest[0]))[rest[1].removesuffix(".jpg")]
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted is None:
            self.answer(200, content, cut=cut)
        elif int(wanted[1]) >= len(content):
            self.answer(416)
        else:
            start = int(wanted[1])
            where = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self.answer(206, content[start:], where, cut=cut)

    # service

    def service(self, cut: int | None) -> None:
        parts = urlsplit(self.path)
        steps = parts.path.removeprefix("/v1/jobs").strip("/").split("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        crooked = self.crooked
        if steps == [""]:
            if self.command == "POST":
                self.create(cut)
            else:
                self.page([crooked.job_document(job) for job in reversed(crooked.jobs.values())], query, cut)
            return
        job = crooked.jobs.get(steps[0])
        if job is None:
            self.problem(404, "job_not_found", f"there is no job {steps[0]}")
            return
        routes: dict[tuple[str, ...], Callable[[], None]] = {
            ("GET",): lambda: self.json(crooked.job_document(job), cut=cut),
            ("DELETE",): lambda: self.cancel(job),
            ("POST", "uploads"): lambda: self.uploads(job),
            ("POST", "uploaded"): lambda: self.uploaded(job),
            ("GET", "events"): lambda: self.stream(job, cut),
            ("GET", "images"): lambda: self.page(
                [
                    crooked.image_document(job, each, links=query.get("links") == "true")
                    for each in job.images
                    if query.get("status") in {None, each.status}
                ],
                query,
                cut,
            ),
        }
        route = routes.get((self.command, *steps[1:]))
        if route:
            route()
            return
        image = crooked.image(job.job_id, steps[2])
        self.json(crooked.image_document(job, image, links=True), cut=cut)

    def page(self, items: list[Any], query: dict[str, str], cut: int | None) -> None:
        start, limit = int(query.get("cursor", 0)), int(query.get("limit", 100))
        self.json(self.page_of(items, start, limit), cut=cut)

    @staticmethod
    def page_of(items: list[Any], start: int, limit: int) -> dict[str, Any]:
        following = start + limit
        return {"items": items[start:following], "next_cursor": str(following) if following < len(items) else None}

    def create(self, cut: int | None) -> None:
        body, crooked = self.body(), self.crooked
        if "renditions" not in body["recipe"]:
            faults = [{"pointer": "#/recipe/renditions", "detail": "missing; it is required"}]
            self.problem(422, "invalid_recipe", "the recipe cannot be used", faults)
            return
        with crooked.lock:
            key = self.headers["Idempotency-Key"]
            if key not in crooked.by_key:
                job_id = str(uuid.uuid4())
                images = [
                    CrookedImage(image_id=str(uuid.uuid4()), position=n, name=f["name"], size_bytes=f["size_bytes"])
                    for n, f in enumerate(body["files"])
                ]
                crooked.jobs[job_id] = CrookedJob(job_id=job_id, images=images)
                crooked.by_key[key] = job_id
        job = crooked.jobs[crooked.by_key[key]]
        first_page = self.page_of([crooked.image_document(job, image) for image in job.images], 0, 100)
        self.json(crooked.job_document(job) | {"first_page": first_page}, 202, cut=cut)

    def cancel(self, job: CrookedJob) -> None:
        for image in job.images:
            if image.status == "pending":
                image.status, image.error_code = "failed", "cancelled"
        job.status = "cancelled"
        self.json(self.crooked.job_document(job))

    def uploads(self, job: CrookedJob) -> None:
        asked = self.body()["images"]
        assert 1 <= len(asked) <= 100
        links = [
            self.crooked.upload_document(
                job.job_id, self.crooked.image(job.job_id, each["image_id"]), each.get("sha256")
            )
            for each in asked
        ]
        self.json({"uploads": links})

    def uploaded(self, job: CrookedJob) -> None:
        asked = self.body()["images"]
        assert 1 <= len(asked) <= 100
        answers = []
        with self.crooked.lock:
            for each in asked:
                image = self.crooked.image(job.job_id, each["image_id"])
                if image.upload_id:
                    image.content = b"".join(image.parts[part["number"]] for part in each["parts"])
                if self.crooked.loses:
                    self.crooked.loses -= 1
                    image.content = b""
                    problem = {"status": 409, "code": "upload_missing", "detail": "nothing was uploaded yet"}
                    answers.append({"image_id": image.image_id, "problem": problem})
                    continue
                if len(image.content) != image.size_bytes or image.content.startswith(b"not"):
                    problem = {"status": 422, "code": "upload_mismatch", "detail": "is not what was announced"}
                    answers.append({"image_id": image.image_id, "problem": problem})
                    continue
                image.uploaded = True
                if not self.crooked.held.is_set():
                    self.crooked.develop(job, image)
                answers.append({"image_id": image.image_id})
        self.json({"images": answers})

    def stream(self, job: CrookedJob, cut: int | None) -> None:
        if not self.crooked.events:
            self.problem(404, "not_found", "no such path")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        told, number = None, 0
        while True:
            document = self.crooked.job_document(job) | {"download_url": None}
            text = json.dumps(document)
            number += 1
            try:
                if text != told:
                    self.wfile.write(f"event: job\nid: {number}\ndata: {text}\n\n".encode())
                    told = text
                else:
                    self.wfile.write(b": alive\n\n")
            except OSError:
                return
            if cut is not None:
                self.drop()
                return
            if job.status in {"completed", "failed", "cancelled"}:
                return
            time.sleep(0.05)


@contextmanager
def crooked_server() -> Iterator[Crooked]:
    """A server on a free loopback port."""
    crooked = Crooked()
    handler = type("Handler", (_Handler,), {"crooked": crooked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    crooked.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield crooked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
