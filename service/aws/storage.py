"""A bucket: look at, read, download, upload and copy objects, write one as a stream, sign links to it."""

import contextlib
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from service.aws.errors import AccessDenied, ObjectMissing, UploadMissing, translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MIB = 1024 * 1024
_TRANSFER = TransferConfig(multipart_threshold=32 * MIB, multipart_chunksize=16 * MIB, max_concurrency=4)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredObject:
    """What storage says of an object."""

    key: str
    size_bytes: int
    etag: str
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a multipart upload that storage has."""

    number: int
    etag: str
    size_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A presigned link. Whoever uses it must send exactly these headers, for they are signed."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Bucket:
    """One bucket. Safe to share between threads.

    Every method raises `AwsError` (or one of its kinds, where named) when AWS cannot be reached or refuses.
    """

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self.name = name

    def _uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def head(self, key: str) -> StoredObject | None:
        """What storage knows of an object, or None when there is none."""
        with contextlib.suppress(ObjectMissing):
            try:
                with translated("look at", self._uri(key)):
                    found = self._client.head_object(Bucket=self.name, Key=key)
            except AccessDenied:
                # A refused HEAD carries no reason. GET does: a role that may not list is denied what is not there.
                self.read(key, length=1)
                raise
            return StoredObject(
                key=key,
                size_bytes=found["ContentLength"],
                etag=found["ETag"],
                content_type=found.get("ContentType", ""),
            )
        return None

    def peek(self, key: str, length: int) -> tuple[int, bytes]:
        """The size of an object in bytes and its first `length` bytes, in one call.

        Raises:
            ObjectMissing: there is no such object.
        """
        with translated("read", self._uri(key)):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=key, Range=f"bytes=0-{length - 1}")
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "InvalidRange":  # empty: it has no first byte
                    return 0, b""
                raise
            with contextlib.closing(answer["Body"]) as body:
                return int(answer["ContentRange"].rpartition("/")[2]), body.read(length)

    def read(self, key: str, *, start: int = 0, length: int) -> bytes:
        """At most `length` bytes from `start`; fewer where the object ends, none beyond its end.

        Raises:
            ObjectMissing: there is no such object.
        """
        with translated("read", self._uri(key)):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=key, Range=f"bytes={start}-{start + length - 1}")
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "InvalidRange":
                    return b""
                raise
            with contextlib.closing(answer["Body"]) as body:
                return body.read(length)

    def download(self, key: str, path: Path) -> int:
        """Writes an object into a file, in parallel pieces, whole or not at all. Returns its size in bytes.

        Raises:
            ObjectMissing: there is no such object.
        """
        with translated("download", self._uri(key)):
            self._client.download_file(self.name, key, str(path), Config=_TRANSFER)
        return path.stat().st_size

    def fetch(self, key: str, path: Path) -> int:
        """Writes an object into a file by one call, for objects too small to gain by pieces. Returns its size in bytes.

        The file is whole when this returns; after an error it is not.

        Raises:
            ObjectMissing: there is no such object.
            OSError: the file cannot be written.
        """
        with translated("fetch", self._uri(key)):
            answer = self._client.get_object(Bucket=self.name, Key=key)
            with contextlib.closing(answer["Body"]) as body, path.open("wb", buffering=0) as file:
                while data := body.read(MIB):
                    left = memoryview(data)
                    while left:  # a disk that is nearly full takes a part, and only then says that it is full
                        left = left[file.write(left) or 0 :]
        return path.stat().st_size

    def upload(self, path: Path, key: str, *, content_type: str, file_name: str | None = None) -> int:
        """Stores a file, in parallel pieces when large; storage checks what arrives. Returns its size in bytes.

        Args:
            path: the file.
            key: where it goes; an object that is there already is replaced.
            content_type: what a browser is told.
            file_name: the name under which a browser saves it.
        """
        extra = {"ContentType": content_type}
        if file_name is not None:
            extra["ContentDisposition"] = content_disposition(file_name)
        with translated("upload", self._uri(key)):
            try:
                self._client.upload_file(str(path), self.name, key, ExtraArgs=extra, Config=_TRANSFER)
            except S3UploadFailedError as error:  # hides the true error in its context
                raise (error.__context__ or error) from error
        return path.stat().st_size

    def copy_from(self, source: "Bucket", source_key: str, key: str) -> None:
        """Copies an object of another bucket inside storage: no byte passes through this process.

        Raises:
            ObjectMissing: there is no such source.
        """
        with translated("copy", f"{source._uri(source_key)} to {self._uri(key)}"):
            self._client.copy_object(Bucket=self.name, Key=key, CopySource={"Bucket": source.name, "Key": source_key})

    def put(self, key: str, data: bytes, *, content_type: str, file_name: str | None = None) -> None:
        """Stores a small object."""
        extra: dict[str, Any] = {} if file_name is None else {"ContentDisposition": content_disposition(file_name)}
        with translated("store", self._uri(key)):
            self._client.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type, **extra)

    def create_upload(
        self, key: str, *, content_type: str = "application/octet-stream", file_name: str | None = None
    ) -> str:
        """Begins a multipart upload and returns its id."""
        extra: dict[str, Any] = {} if file_name is None else {"ContentDisposition": content_disposition(file_name)}
        with translated("begin an upload to", self._uri(key)):
            return self._client.create_multipart_upload(Bucket=self.name, Key=key, ContentType=content_type, **extra)[
                "UploadId"
            ]

    def put_part(self, key: str, upload_id: str, *, number: int, data: bytes) -> Part:
        """Stores one part; numbers begin at 1. All parts but the last have at least 5 MiB."""
        with translated(f"upload part {number} of", self._uri(key)):
            answer = self._client.upload_part(
                Bucket=self.name, Key=key, UploadId=upload_id, PartNumber=number, Body=data
            )
        return Part(number=number, etag=answer["ETag"], size_bytes=len(data))

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """The parts that storage has, by number.

        Raises:
            UploadMissing: there is no such upload (any more).
        """
        with translated("list the parts of", self._uri(key)):
            pages = self._client.get_paginator("list_parts").paginate(Bucket=self.name, Key=key, UploadId=upload_id)
            return [
                Part(number=part["PartNumber"], etag=part["ETag"], size_bytes=part["Size"])
                for page in pages
                for part in page.get("Parts", [])
            ]

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Makes one object of the parts.

        Raises:
            UploadMissing: there is no such upload (any more).
            UploadRefused: a part is missing, too small, or has another ETag.
        """
        with translated("complete the upload to", self._uri(key)):
            self._client.complete_multipart_upload(
                Bucket=self.name,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": part.number, "ETag": part.etag}
                        for part in sorted(parts, key=lambda part: part.number)
                    ]
                },
            )

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Gives up a multipart upload and frees its parts. One that is gone already is no error."""
        with contextlib.suppress(UploadMissing), translated("abort the upload to", self._uri(key)):
            self._client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload_id)

    def download_link(self, key: str, *, lifetime_s: int, file_name: str | None = None) -> Link:
        """A link with which anyone reads the object until it expires, saved by browsers under `file_name`."""
        parameters = {"Bucket": self.name, "Key": key}
        if file_name is not None:
            parameters["ResponseContentDisposition"] = content_disposition(file_name)
        return Link(url=self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=lifetime_s))

    def upload_link(self, key: str, *, size_bytes: int, lifetime_s: int, sha256: bytes | None = None) -> Link:
        """A link with which anyone stores exactly `size_bytes` bytes, and with `sha256` exactly those."""
        parameters: dict[str, Any] = {"Bucket": self.name, "Key": key, "ContentLength": size_bytes}
        headers = {"content-length": str(size_bytes)}
        if sha256 is not None:
            digest = b64encode(sha256).decode()
            parameters["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = digest
        url = self._client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=lifetime_s)
        return Link(url=url, headers=headers)

    def part_link(self, key: str, upload_id: str, *, number: int, size_bytes: int, lifetime_s: int) -> Link:
        """A link with which anyone stores part `number` of exactly `size_bytes` bytes."""
        parameters = {
            "Bucket": self.name,
            "Key": key,
            "UploadId": upload_id,
            "PartNumber": number,
            "ContentLength": size_bytes,
        }
        url = self._client.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=lifetime_s)
        return Link(url=url, headers={"content-length": str(size_bytes)})


def content_disposition(file_name: str) -> str:
    """The header with which a browser saves a download under a name of any alphabet (RFC 6266)."""
    flat = re.sub(r"[\x00-\x1f\x7f/\\\\]", "_", file_name)
    plain = re.sub(r"[^ !#-~]", "_", flat)
    header = f'attachment; filename="{plain}"'
    return header if plain == flat else f"{header}; filename*=UTF-8''{quote(flat, safe='')}"
