"""Reads request bodies: JSON of bounded size, strictly."""

import json
import re
from typing import Any, NoReturn, cast

from django.http import HttpRequest
from ninja.parser import Parser

from service.api.problems import Code, Problem

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_FORM_BYTES = 1536 * 1024
"""Of what pages send: a recipe with its logo within is the longest."""
_FORM = "application/x-www-form-urlencoded"
_JSON = re.compile(r"application/json(?:\s*;\s*charset=\"?utf-8\"?)?\s*", re.IGNORECASE)


def check_body(request: HttpRequest) -> None:
    """Looks at the headers before a byte of the body is read.

    Raises:
        Problem: no length, too long, or not JSON.
    """
    kind = request.META.get("CONTENT_TYPE", "")
    if _length(request, MAX_BODY_BYTES) > 0 and not _JSON.fullmatch(kind):
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type is {kind[:80]!r}; it must be application/json")


def check_form(request: HttpRequest) -> None:
    """The same for what the console's pages send: fields of a form, or JSON. Files never come this way.

    Raises:
        Problem: no length, too long, or neither of both.
    """
    kind = request.META.get("CONTENT_TYPE", "")
    if _length(request, MAX_FORM_BYTES) > 0 and not (kind.partition(";")[0] == _FORM or _JSON.fullmatch(kind)):
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type is {kind[:80]!r}; it must be {_FORM} or JSON")


def _length(request: HttpRequest, most: int) -> int:
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise Problem(Code.LENGTH_REQUIRED, "chunked bodies are not taken; send Content-Length")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isascii() or not length.isdigit():
        raise Problem(Code.BAD_REQUEST, "Content-Length: a number of bytes is needed")
    if len(length) > 12 or int(length) > most:
        raise Problem(Code.BODY_TOO_LARGE, f"the body has more than {most} bytes")
    return int(length)


class StrictParser(Parser):
    """JSON without NaN, without numbers of a thousand digits, without depths that end in an exception."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The document.

        Raises:
            Problem: it is not JSON.
        """
        try:
            return cast(dict[str, Any], json.loads(request.body.decode("utf-8"), parse_constant=_refuse_constant))
        except UnicodeDecodeError as error:
            raise Problem(Code.MALFORMED_JSON, f"the body is not UTF-8 (byte {error.start})") from None
        except json.JSONDecodeError as error:
            raise Problem(
                Code.MALFORMED_JSON, f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
            ) from None
        except RecursionError:
            raise Problem(Code.MALFORMED_JSON, "the body is nested too deeply") from None
        except ValueError as error:  # a constant or a number that Python refuses
            raise Problem(Code.MALFORMED_JSON, f"the body is not JSON: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
