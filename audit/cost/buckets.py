"""What lies in which bucket: read from `audit/buckets.toml`, because no template tells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from audit.toml import read_toml

BUCKETS = Path(__file__).resolve().parents[1] / "buckets.toml"


class Bucket(BaseModel):
    """The contents of one bucket.

    Attributes:
        holds: originals, renditions, or records of AWS services.
        writes, reads: requests for one image.
        copies: how often each file lies there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    holds: Literal["originals", "renditions", "records"]
    writes: Annotated[float, Field(ge=0, strict=False)]
    reads: Annotated[float, Field(ge=0, strict=False)]
    copies: Annotated[float, Field(ge=1, strict=False)] = 1.0


def read_buckets(path: Path = BUCKETS) -> Mapping[str, Bucket]:
    """Buckets by the path of their constructs.

    Raises:
        AuditError: the file cannot be read, or says something else.
    """
    return read_toml(path, dict[str, Bucket])
