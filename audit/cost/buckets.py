"""What lies in which bucket: read from `audit/buckets.toml`, because no template tells."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from audit.errors import AuditError, Problem

BUCKETS = Path(__file__).resolve().parents[1] / "buckets.toml"


class Bucket(BaseModel):
    """The contents of one bucket.

    Attributes:
        holds: originals, renditions, or records of AWS services.
        writes, reads: requests for one image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    holds: Literal["originals", "renditions", "records"]
    writes: Annotated[float, Field(ge=0, strict=False)]
    reads: Annotated[float, Field(ge=0, strict=False)]


def read_buckets(path: Path = BUCKETS) -> Mapping[str, Bucket]:
    """Buckets by the path of their constructs.

    Raises:
        AuditError: the file cannot be read, or says something else.
    """
    try:
        return TypeAdapter(dict[str, Bucket]).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AuditError([Problem(where=str(path), why=f"cannot be read ({error.strerror})")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AuditError([Problem(where=str(path), why=f"is not TOML: {error}")]) from None
    except ValidationError as error:
        raise AuditError(
            Problem(where=f"{path.name}: {'.'.join(map(str, detail['loc']))}", why=detail["msg"])
            for detail in error.errors(include_url=False)
        ) from None
