"""The bill of a month: every meter of the templates, at the amounts of a profile, by the prices of a table."""

from collections.abc import Iterator, Mapping

from audit.assembly import Address, Assembly
from audit.cost.buckets import Bucket, read_buckets
from audit.cost.kinds import IDLE, LEFT_OUT, READERS, why_free
from audit.cost.meter import Amount, Meter, Reading
from audit.cost.model import Estimate, Level, Line, Missing, NotPriced, Range
from audit.cost.prices import PriceTable
from audit.cost.profile import Profile
from audit.errors import AuditError, Problem


def region_of(assembly: Assembly) -> str:
    """The region that all stacks are made for.

    Raises:
        AuditError: they are made for any region, or for several.
    """
    regions = sorted({template.region or "any" for template in assembly.stacks.values()})
    if len(regions) != 1 or regions[0] == "any":
        why = f"stacks are made for {' and '.join(regions)}; one region is priced at a time: name it with --region"
        raise AuditError([Problem(where=str(assembly.folder), why=why)])
    return regions[0]


def estimate(
    assembly: Assembly, profile: Profile, prices: PriceTable, *, buckets: Mapping[str, Bucket] | None = None
) -> Estimate:
    """What a month of this profile costs with these templates.

    Args:
        buckets: what lies in which bucket, instead of what `audit/buckets.toml` says.

    Raises:
        AuditError: a type of resource that nobody has judged, or a number that only a deployment knows.
    """
    reading = Reading(assembly, read_buckets() if buckets is None else buckets)
    found = tuple(meters(reading))
    not_priced = tuple(_not_priced(assembly, {meter.resource.address for meter in found}))
    if reading.problems:
        raise AuditError(sorted(set(reading.problems)))
    quantities = ((meter, _range(meter.amount, profile)) for meter in found)
    lines = [_line(meter, quantity, profile, prices) for meter, quantity in quantities if quantity != Range()]
    return Estimate(
        region=prices.region,
        profile=profile.name,
        lines=tuple(line for line in lines if isinstance(line, Line)),
        missing=tuple(line for line in lines if isinstance(line, Missing)),
        not_priced=not_priced,
        images=profile.images.per_month.range,
    )


def meters(reading: Reading) -> Iterator[Meter]:
    """Everything that is counted, in the order of the resources. Types that nobody has judged become problems."""
    for resource in reading.assembly.resources.values():
        reader = READERS.get(resource.kind)
        if reader is not None:
            yield from reader(reading, resource)
        elif why_free(resource.kind) is None and resource.kind not in LEFT_OUT:
            why = (
                "nobody has judged what this type costs; it belongs in READERS, FREE or LEFT_OUT of audit/cost/kinds.py"
            )
            reading.problems.append(Problem(where=f"{resource.address} ({resource.kind})", why=why))


def _not_priced(assembly: Assembly, counted: set[Address]) -> Iterator[NotPriced]:
    for resource in assembly.resources.values():
        if resource.address in counted:
            continue
        free = why_free(resource.kind)
        why = free or LEFT_OUT.get(resource.kind) or IDLE.get(resource.kind) or "adds nothing"
        yield NotPriced(
            resource=resource.address, path=resource.path, kind=resource.kind, why=why, free=free is not None
        )


def _range(amount: Amount, profile: Profile) -> Range:
    return Range(*(amount(profile.usage(level)) for level in Level))


def _line(meter: Meter, quantity: Range, profile: Profile, prices: PriceTable) -> Line | Missing:
    price = prices.get(meter.price)
    alone = prices.get(meter.alone_price) if meter.alone_price else price
    if price is None or alone is None:
        key = meter.price if price is None else str(meter.alone_price)
        return Missing(
            component=meter.component,
            what=meter.what,
            resource=meter.resource.address,
            path=meter.resource.path,
            price=key,
            quantity=quantity,
        )
    factor = _range(meter.factor, profile)
    return Line(
        component=meter.component,
        what=meter.what,
        resource=meter.resource.address,
        path=meter.resource.path,
        price=meter.price,
        quantity=quantity,
        unit=price.unit,
        cost=Range(*(price.cost(quantity.at(level)) * factor.at(level) for level in Level)),
        alone=Range(*(alone.cost(quantity.at(level) * meter.alone) * factor.at(level) for level in Level)),
        driver=meter.driver,
        verified=price.verified,
    )
