"""What an isolated decoder is asked and what it answers: lines of JSON, never pickled objects, which can carry code.

Answers come from a process that a damaged file may have taken over: `parse` believes types and lengths, and nothing
else. Whoever uses what an answer names checks that it is where it ought to be.
"""

from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from processor.errors import ReasonCode, Stage
from processor.limits import Limits
from processor.result import ImageResult, Output, Status
from processor.types import DecodePath, Verdict

LONGEST_LINE_BYTES = 1 << 20
MOST_ANSWERS = 2_000
"""To one order: an image of the most renditions tells of some eighty stages, asks for thirty seats and gives them back,
and ends with one result."""
GRANTED = b'{"granted":true}\n'


class _Strict(BaseModel):
    # No NaN and no infinity: databases take them in no JSON, and sums do not recover from them.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Opening(_Strict):
    """What a decoder learns once, before it is closed in.

    Attributes:
        function: import path `module:callable`, with the signature of pipeline.develop.
        recipe_path: what to make of every image.
        readable, writable: what it may touch beside the recipe and its logo: originals, and folders for renditions.
        log_path: receives what libraries print, and the trace of a crash.
        licensed: whether licence seats can be asked for.
    """

    function: str
    recipe_path: Path
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    log_path: Path
    licensed: bool = False


class Order(_Strict):
    """One image to develop: what the function takes."""

    source: Path
    out_dir: Path
    stem: str
    max_file_bytes: int
    max_pixels: int
    timeout_s: float
    memory_bytes: int | None

    @property
    def limits(self) -> Limits:
        """What the image may cost."""
        return Limits(
            max_file_bytes=self.max_file_bytes,
            max_pixels=self.max_pixels,
            timeout_s=self.timeout_s,
            memory_bytes=self.memory_bytes,
        )

    @classmethod
    def of(cls, source: Path, out_dir: Path, *, stem: str, limits: Limits) -> "Order":
        """An order."""
        return cls(source=source, out_dir=out_dir, stem=stem, **asdict(limits))


class _Final(_Strict):
    """The last answer to an order.

    Attributes:
        cpu_s: processor seconds since the answer before, the decoder's start among them for the first.
        peak_bytes: most resident memory that the decoder has had.
    """

    cpu_s: float = Field(ge=0)
    peak_bytes: int = Field(ge=0, lt=1 << 60)


class Entered(_Strict):
    """A stage has begun."""

    stage: Stage


class Hold(_Strict):
    """Licence seats are wanted; the answer is GRANTED or a Refused."""

    hold: tuple[str, ...] = Field(max_length=16)


class LetGo(_Strict):
    """The seats that were granted last are not needed any more."""

    let_go: bool


class NeedsMore(_Final):
    """The plan needs more memory than was granted."""

    needed_bytes: int = Field(ge=1, lt=1 << 60)


class Refused(_Final):
    """The image cannot be developed, or no seat can be had."""

    reason: ReasonCode
    stage: Stage
    message: str = Field(max_length=20_000)
    transient: bool = False
    no_room: bool = False


class _Output(_Strict):
    rendition: str = Field(max_length=200)
    path: str = Field(max_length=1_000)
    width_px: int = Field(ge=0, lt=1 << 31)
    height_px: int = Field(ge=0, lt=1 << 31)
    size_bytes: int = Field(ge=0, lt=1 << 40)


class Developed(_Final):
    """The image was developed; `result()` is its record."""

    status: Status
    verdict: Verdict | None
    evidence: tuple[str, ...] = Field(max_length=200)
    decode_path: DecodePath | None
    megapixels: float
    size_bytes: int
    outputs: tuple[_Output, ...] = Field(max_length=1_000)
    timings: dict[str, float] = Field(max_length=50)

    def result(self, source: str) -> ImageResult:
        """The record."""
        return ImageResult(
            source=source,
            status=self.status,
            verdict=self.verdict,
            evidence=self.evidence,
            decode_path=self.decode_path,
            megapixels=self.megapixels,
            size_bytes=self.size_bytes,
            outputs=tuple(Output(**output.model_dump()) for output in self.outputs),
            timings=self.timings,
        )


class Ended(_Strict):
    """The decoder's process is gone; said by the server, after all that the decoder said.

    Attributes:
        exit_code: negative for a signal.
        peak_bytes: most resident memory that it had.
    """

    exit_code: int
    peak_bytes: int


Answer = Entered | Hold | LetGo | NeedsMore | Refused | Developed | Ended
_ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)


class Nonsense(Exception):  # noqa: N818 - what was read, not what went wrong here
    """A line that is no answer."""


def parse(line: bytes) -> Answer:
    """Read an answer.

    Raises:
        Nonsense: it is none.
    """
    try:
        return _ANSWERS.validate_json(line)
    except ValidationError as error:
        raise Nonsense(f"the decoder answered {line[:80]!r}: {error.error_count()} faults") from None


def line_of(answer: BaseModel) -> bytes:
    """An answer as it travels."""
    return answer.model_dump_json().encode() + b"\n"


def developed(result: ImageResult, *, cpu_s: float, peak_bytes: int) -> Developed:
    """The answer that a record makes.

    Raises:
        TypeError: the work returned something that is no record.
    """
    if not isinstance(result, ImageResult):
        raise TypeError(f"the work returned {type(result).__name__}, not a record")
    fields = asdict(result)
    kept = {name: fields[name] for name in Developed.model_fields if name in fields}
    return Developed.model_validate({**kept, "cpu_s": cpu_s, "peak_bytes": peak_bytes})
