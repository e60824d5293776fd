"""Reads a price table anew through AWS's price list API, and says what changed."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from audit.cost.catalog import filters, kind_of, known_regions
from audit.cost.prices import Price, PriceTable, Tier
from audit.errors import AuditError, Problem

API_REGION = "us-east-1"
"""The price list is served from few regions, whatever region it is asked about."""

Products = Callable[[str, Mapping[str, str]], list[Any]]
"""Products of a service that match filters, over all pages."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of one row: `before` is None for a new one, `after` for one that could not be read and was kept."""

    key: str
    before: Price | None
    after: Price | None
    why: str = ""

    @property
    def moved(self) -> bool:
        """Whether another price was found than before."""
        return self.after is not None and (self.before is None or self.before.tiers != self.after.tiers)


def refresh(
    region: str, keys: Iterable[str], old: PriceTable | None, products: Products
) -> tuple[PriceTable, list[Change]]:
    """Read every row; a row that cannot be read is kept as it was, and said so.

    Raises:
        AuditError: the region is not known, or the API cannot be asked at all.
    """
    if region not in known_regions():
        why = f"how usage types of region {region!r} begin is not known; known are {', '.join(known_regions())}"
        raise AuditError([Problem(where="prices", why=why)])
    rows: dict[str, Price] = {}
    changes = []
    for key in sorted(set(keys)):
        before = old.get(key) if old is not None else None
        found = _read(key, region, products)
        after = found if isinstance(found, Price) else None
        changes.append(Change(key=key, before=before, after=after, why="" if isinstance(found, Price) else found))
        kept = after or before
        if kept is not None:
            rows[key] = kept
    return PriceTable(region=region, rows=rows), changes


def _read(key: str, region: str, products: Products) -> Price | str:
    """The row as the price list has it, or why it cannot be told."""
    kind = kind_of(key)
    if kind is None:
        return "is nothing that is priced"
    query = filters(key, region)
    found = products(kind.service, query)
    if len(found) != 1:
        asked = ", ".join(f"{field} = {value}" for field, value in query.items())
        return f"{len(found)} products of {kind.service} match {asked}; exactly one is needed"
    product = found[0]
    try:
        (term,) = product["terms"]["OnDemand"].values()
        dimensions = list(term["priceDimensions"].values())
        units = sorted({str(dimension["unit"]) for dimension in dimensions})
        if [unit.lower() for unit in units] != [kind.list_unit.lower()]:
            return f"is priced by {' and '.join(units)}; {kind.list_unit} is expected"
        tiers = sorted((float(item["beginRange"]), float(item["pricePerUnit"]["USD"])) for item in dimensions)
        return Price(
            key=key,
            unit=kind.unit,
            tiers=tuple(Tier(**{"from": begin, "usd": usd}) for begin, usd in tiers),
            as_of=datetime.fromisoformat(str(product["publicationDate"])).date(),
            source=f"AWS price list API, {kind.service} {product['version']}",
            verified=True,
            sku=str(product["product"]["sku"]),
        )
    except ValidationError as error:
        return "; ".join(str(detail["msg"]) for detail in error.errors(include_url=False))
    except (KeyError, ValueError, TypeError) as error:
        return f"the price list's answer has another shape: {error!r}"


def ask_aws() -> Products:
    """Products through boto3, with the credentials of the shell.

    `AWS_ENDPOINT_URL_PRICING` names another endpoint.

    Raises:
        AuditError: `no_boto3`, `no_credentials`, `not_allowed`, `unreachable` or `unreadable`, when asked.
    """
    try:
        import boto3  # noqa: PLC0415 - the audit needs it here only
        from botocore.config import Config  # noqa: PLC0415
    except ModuleNotFoundError:
        raise _refused("no_boto3", "boto3 is not installed; it is one of requirements-service.txt") from None
    client = boto3.session.Session().client(
        "pricing", region_name=API_REGION, config=Config(retries={"mode": "standard", "max_attempts": 5})
    )

    def products(service: str, query: Mapping[str, str]) -> list[Any]:
        wanted: Any = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in query.items()]
        with _in_words():
            pages = client.get_paginator("get_products").paginate(
                ServiceCode=service, Filters=wanted, FormatVersion="aws_v1"
            )
            found = [json.loads(item) for page in pages for item in page["PriceList"]]
        # Products that are only sold as reservations have no price on demand.
        return [product for product in found if product.get("terms", {}).get("OnDemand")]

    return products


@contextmanager
def _in_words() -> Iterator[None]:
    """What goes wrong on the way to AWS, as a message with a reason code."""
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        why = "AWS's price list is asked with the credentials of this shell, and there are none"
        raise _refused("no_credentials", why) from None
    except ClientError as error:
        answer = error.response["Error"]
        why = f"AWS refuses pricing:GetProducts ({answer.get('Code')}: {answer.get('Message')})"
        raise _refused("not_allowed", why) from None
    except BotoCoreError as error:
        raise _refused("unreachable", f"AWS's price list does not answer ({error})") from None
    except json.JSONDecodeError as error:
        raise _refused("unreadable", f"AWS's price list answers with something else ({error})") from None


def _refused(code: str, why: str) -> AuditError:
    return AuditError([Problem(where=f"prices: {code}", why=f"{why}; the table is as it was")])


def text_of(table: PriceTable) -> str:
    """A table as its file: one row a line, so that a diff shows what changed."""
    rows = [
        json.dumps(price.model_dump(mode="json", by_alias=True, exclude_none=True))
        for _, price in sorted(table.rows.items())
    ]
    body = ",\n".join(f"  {row}" for row in rows)
    return f'{{\n "region": {json.dumps(table.region)},\n "rows": [\n{body}\n ]\n}}\n'


def write(table: PriceTable, path: Path) -> None:
    """Replace a table's file as a whole.

    Raises:
        AuditError: it cannot be written; then the old one is as it was.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text_of(table))
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AuditError([Problem(where=str(path), why=f"cannot be written ({error.strerror})")]) from None
