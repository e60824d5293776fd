"""Errors as interface: each has an exit code, says in one line what is wrong and, where there is one, the next step."""

from dataclasses import dataclass


class ClientError(Exception):
    """Base of every error that the client raises on purpose.

    Attributes:
        exit_code: what the command line ends with.
    """

    exit_code = 3


class UsageError(ClientError):
    """The caller asked for something impossible: a missing folder, a bad recipe, no key, an unknown job."""

    exit_code = 2


class NetworkError(ClientError):
    """The server or the storage could not be reached, or kept failing for longer than the client's patience."""


class ProtocolError(ClientError):
    """An answer that this client does not understand: another program, or another version of the service."""


class ChangedFileError(ClientError):
    """A file was changed, shortened or removed between listing and uploading it."""

    exit_code = 1


class Interrupted(ClientError):  # noqa: N818 - not a failure: the caller asked for it
    """The caller asked to stop. Everything done so far is kept, and `resume` goes on from there."""

    exit_code = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem document (RFC 9457), as far as this client reads it.

    Attributes:
        status: the HTTP status.
        code: the reason code that programs act on, such as `upload_mismatch`.
        detail: the sentence for people.
        faults: one line for every field that is wrong.
        request_id: names the request in the server's logs.
    """

    status: int
    code: str
    detail: str
    faults: tuple[str, ...] = ()
    request_id: str | None = None

    def __str__(self) -> str:
        text = self.detail
        if self.faults:
            text = f"{text.rstrip('. ')}: {'; '.join(self.faults)}"
        notes = [self.code or f"status {self.status}", *([f"request {self.request_id}"] if self.request_id else [])]
        return f"{text} ({', '.join(notes)})"


class ProblemError(ClientError):
    """The server answered with a problem document.

    Attributes:
        problem: the document.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.exit_code = 2 if 400 <= problem.status < 500 and problem.status not in {408, 429} else 3


class StorageError(ClientError):
    """The storage refused a transfer for good.

    Attributes:
        status: the HTTP status.
        code: the storage's own code, such as `EntityTooLarge`; empty when it gave none.
    """

    def __init__(self, what: str, *, status: int, code: str) -> None:
        super().__init__(f"{what}: the storage answered {status}{f' {code}' if code else ''}")
        self.status = status
        self.code = code
