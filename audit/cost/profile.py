"""The usage profile: what a month of a customer looks like, with a range wherever nobody knows exactly."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from audit.cost.model import HOURS_PER_MONTH, Level, Range
from audit.errors import AuditError, Problem

PROFILES = Path(__file__).parent / "profiles"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Known(_Strict):
    """A number as far as it is known; a plain number is known exactly."""

    low: Annotated[float, Field(ge=0, le=1e12, strict=False, allow_inf_nan=False)]
    expected: Annotated[float, Field(ge=0, le=1e12, strict=False, allow_inf_nan=False)]
    high: Annotated[float, Field(ge=0, le=1e12, strict=False, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _ordered(self) -> "Known":
        if not self.low <= self.expected <= self.high:
            raise ValueError(f"low {self.low:g}, expected {self.expected:g}, high {self.high:g}: not in this order")
        return self

    @property
    def range(self) -> Range:
        """The same, to calculate with."""
        return Range(self.low, self.expected, self.high)


def _known(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"low": value, "expected": value, "high": value}
    return value


Amount = Annotated[Known, BeforeValidator(_known)]
"""A number, or a table of `low`, `expected` and `high`."""


class Images(_Strict):
    """What comes in, and what is made of it.

    Attributes:
        per_month: images that are developed.
        original_mb: one RAW file, in megabytes of 10^6 bytes.
        renditions: files made of each.
        renditions_mb: all of them together.
        vcpu_s: processor seconds of one core for one image, decoding to encoding.
        downloads: how often all renditions of an image are fetched from the internet.
        requests: calls of the API for one image: announcing, link, confirming, watching.
        queue_requests: sending, receiving, extending, deleting its message.
        kms_requests: calls of the key service for one image.
        log_kb: what all tasks write about one image.
    """

    per_month: Amount
    original_mb: Amount
    renditions: Amount
    renditions_mb: Amount
    vcpu_s: Amount
    downloads: Amount
    requests: Amount
    queue_requests: Amount
    kms_requests: Amount
    log_kb: Amount


class Peak(_Strict):
    """When it comes.

    Attributes:
        hours: hours of the month in which images arrive, evenly; the fewer, the more workers are added.
        idle: paid time of workers beyond their work, as a share of it: starting, waiting for the next, ending.
        spot_price: what is paid for Spot instances, where there are any, as a share of the price on demand.
    """

    hours: Annotated[float, Field(gt=0, le=HOURS_PER_MONTH, strict=False)]
    idle: Amount
    spot_price: Amount


class Kept(_Strict):
    """How long the archive has been growing: originals are kept for ever, so that its cost depends on its age."""

    archive_months: Amount


class Base(_Strict):
    """What is used without any image.

    Attributes:
        requests: calls of pages and API in a month that belong to no image.
        request_kb: one answer of the web tier.
        log_gb: logs of tasks, database and firewall.
        flow_log_gb: records of the network.
        metrics: metrics of one's own, those of Container Insights included.
        nat_gb: data that leaves through NAT to the rest of the world: packages, web hooks, identity providers.
        service_gb: data to each AWS service that is called over the network, through its endpoint if there is one, else
            through NAT.
        sweep_s: how long a scheduled task runs.
        function_s: how long one call of a function takes.
        backup_gb: backups beyond what comes with the database.
    """

    requests: Amount
    request_kb: Amount
    log_gb: Amount
    flow_log_gb: Amount
    metrics: Amount
    nat_gb: Amount
    service_gb: dict[str, Amount]
    sweep_s: Amount
    function_s: Amount
    backup_gb: Amount


class Outage(_Strict):
    """What it costs to stand still, for `docs/investment.md`.

    Attributes:
        revenue_per_month: USD that the business earns with what the platform makes.
        business_hours: hours of the month in which it is earned.
        revenue_lost: share of an hour's revenue that does not come back later.
        people_waiting: people who cannot work meanwhile.
        person_usd_per_hour: what one of them costs.
        repair_usd_per_hour: whoever repairs it.
        single_server_hours: hours in a year that one server stands still, plans and accidents together.
        design_hours: hours in a year that this design stands still.
    """

    revenue_per_month: Amount
    business_hours: Annotated[float, Field(gt=0, le=HOURS_PER_MONTH, strict=False)]
    revenue_lost: Amount
    people_waiting: Amount
    person_usd_per_hour: Amount
    repair_usd_per_hour: Amount
    single_server_hours: Amount
    design_hours: Amount


class Profile(_Strict):
    """A month.

    Attributes:
        title: who has such a month, in a few words.
    """

    name: str = ""
    title: Annotated[str, Field(min_length=1, max_length=80)]
    images: Images
    peak: Peak
    kept: Kept
    base: Base
    outage: Outage

    def usage(self, level: Level) -> "Usage":
        """The column of one level."""
        return Usage(self, level)


@dataclass(frozen=True)
class Usage:
    """One column of a profile: plain numbers."""

    profile: Profile
    level: Level

    def of(self, amount: Known) -> float:
        """A number of this column."""
        return amount.range.at(self.level)

    @property
    def images(self) -> float:
        """Images in the month."""
        return self.of(self.profile.images.per_month)


def shipped() -> tuple[str, ...]:
    """Names of the profiles that come with the audit."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


def load(name: str) -> Profile:
    """A profile that is shipped, by name, or any other, by the path of its file.

    Raises:
        AuditError: there is none of that name, or something in it is wrong: one line per key.
    """
    path = PROFILES / f"{name}.toml" if name in shipped() else Path(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        why = f"no profile and no file of that name; shipped are {', '.join(shipped())}"
        raise AuditError([Problem(where=f"profile {name}", why=why)]) from None
    except OSError as error:
        raise AuditError([Problem(where=f"profile {name}", why=f"cannot be read ({error.strerror})")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AuditError([Problem(where=f"profile {name}", why=f"is not TOML: {error}")]) from None
    try:
        return Profile.model_validate(content | {"name": path.stem})
    except ValidationError as error:
        raise AuditError(
            Problem(where=f"profile {name}: {'.'.join(map(str, detail['loc'])) or 'the file'}", why=_why(detail))
            for detail in error.errors(include_url=False)
        ) from None


def _why(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "missing":
        return "is missing"
    if detail["type"] == "extra_forbidden":
        return "is no key of a profile"
    if detail["type"] == "model_type":
        return f"{detail['input']!r} is neither a number nor a table of low, expected and high"
    return f"{detail['input']!r}: {message}" if not isinstance(detail["input"], dict) else message
