"""The report as a page of Markdown, for a pull request or a wiki."""

from collections.abc import Iterable, Sequence

from audit.cost.model import Driver, Level, Range
from audit.cost.report import Report
from audit.cost.words import number, number_range, share, usd, usd_range


def markdown(found: Report) -> str:
    """The whole page."""
    bill = found.estimate
    parts = [
        f"# What {found.name} costs a month",
        f"{bill.region}, USD, list prices. {found.profile.title}: {number_range(bill.images)} images, "
        f"{number(bill.images.expected)} expected.",
        components(found),
        "## Dearest lines",
        table(
            ("component", "what", "caused by", "amount", "expected"),
            [
                (
                    line.component,
                    line.what,
                    f"`{line.path}`",
                    f"{number(line.quantity.expected)} {line.unit}",
                    usd(line.cost.expected),
                )
                for line in found.drivers()
            ],
        ),
        "## Ways to AWS services",
        ways(found),
        "## To survive the loss of a zone",
        zones(found),
        "## Against one server",
        single(found),
        *_said(found),
    ]
    return "\n\n".join(parts) + "\n"


def components(found: Report) -> str:
    """Cost by component, the sums, and the price of images."""
    bill = found.estimate
    total = bill.total
    rows = [_row(name, cost, total) for name, cost in bill.by_component().items()]
    rows.append(_row("**all**", total, total))
    rows.append(_row("fixed", bill.of_driver(Driver.FIXED), total))
    rows.append(_row("grows with images", bill.of_driver(Driver.IMAGES), total))
    if found.budget:
        shares = (share(total.at(level), found.budget) for level in Level)
        rows.append((f"of the budget, {usd(found.budget)}", *shares, ""))
    for name, each in (("per 1000 images", found.per_thousand), ("another 1000 images", found.next_thousand)):
        if each is not None:
            rows.append((name, *(usd(each.at(level)) for level in Level), ""))
    return table(("component", "low", "expected", "high", "share"), rows)


def ways(found: Report) -> str:
    """Endpoints against NAT, for the services that have one."""
    return table(
        ("service", "GB a month", "by endpoint", "by NAT", "endpoint pays from"),
        [
            (
                f"`{way.service}`",
                number_range(way.gb),
                usd(way.by_endpoint.expected),
                usd(way.by_nat.expected),
                "never" if way.break_even_gb is None else f"{number(way.break_even_gb)} GB",
            )
            for way in found.ways
            if way.endpoint
        ],
    )


def zones(found: Report) -> str:
    """What is paid for the second zone."""
    total = found.estimate.total
    rows = [
        (name, usd(cost.expected), share(cost.expected, total.expected))
        for name, cost in found.spare_by_component.items()
    ]
    rows.append(("**all**", usd(found.spare.expected), share(found.spare.expected, total.expected)))
    return table(("component", "USD a month", "of the bill"), rows)


def single(found: Report) -> str:
    """The bill of one server with everything on it."""
    rows = [(part.what, usd_range(part.cost), part.assumption) for part in found.single.parts]
    rows.append(("**all**", usd_range(found.single.total), f"this design: {usd_range(found.estimate.total)}"))
    return table(("one server", "USD a month", "assumed"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; every column but the first is narrow."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(name: str, cost: Range, total: Range) -> tuple[str, ...]:
    return (name, *(usd(cost.at(level)) for level in Level), share(cost.expected, total.expected))


def _said(found: Report) -> list[str]:
    """What a reader has to know before believing it."""
    said = [
        f"{len(found.used)} prices; {len(found.unverified)} of them nobody has read in AWS's price list, and "
        f"{share(found.unverified_share, 1)} of the bill hangs on those."
    ]
    said += [
        f"**No price** for {item.component}, {item.what} (`{item.path}`): `{item.price}`"
        for item in found.estimate.missing
    ]
    return ["## How far to believe it", *said]
