"""Brings docs/cost.md and docs/investment.md up to date with the templates. `python -m audit.cost.docs ASSEMBLIES`."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from audit.assembly import load_assembly
from audit.cost import page, prices, profile
from audit.cost.estimate import region_of
from audit.cost.investment import hour_parts
from audit.cost.model import Driver, Level, Range
from audit.cost.page import table
from audit.cost.plot import bill, break_even
from audit.cost.profile import Known
from audit.cost.report import Report, report
from audit.cost.single import BATCH, INSTANCE
from audit.cost.words import number, number_range, share, times, usd, usd_range
from audit.errors import AuditError

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("cost.md", "investment.md")
ENVIRONMENTS = ("dev", "staging", "prod")
SHOWN = "prod", "agency"
_SESSION_MANAGER = ("ec2messages", "ssm", "ssmmessages")
"""Endpoints that every environment has."""

_WORDS = {
    "images.per_month": "images in a month",
    "images.original_mb": "size of an original, MB",
    "images.renditions": "renditions of an image",
    "images.renditions_mb": "size of all its renditions, MB",
    "images.vcpu_s": "processor seconds for an image",
    "images.downloads": "times that its renditions are downloaded",
    "images.requests": "calls of the API for an image",
    "images.queue_requests": "requests to the queue for an image",
    "images.kms_requests": "requests to the key service for an image",
    "images.log_kb": "logs about an image, kB",
    "peak.hours": "hours of the month in which images arrive",
    "peak.idle": "idle time of added workers, as a share of their work",
    "peak.spot_price": "price of Spot instances, as a share of that on demand",
    "kept.archive_months": "age of the archive of originals, months",
    "outage.revenue_per_month": "revenue of the month, USD",
    "outage.business_hours": "business hours of the month",
    "outage.revenue_lost": "share of an hour's revenue that does not come back",
    "outage.people_waiting": "people who wait",
    "outage.person_usd_per_hour": "their cost for an hour, USD each",
    "outage.repair_usd_per_hour": "whoever repairs it, USD for an hour",
    "outage.single_server_hours": "hours in a year that one server stands still",
    "outage.design_hours": "hours in a year that this design stands still",
}

_BLOCK = re.compile(r"(<!-- made by make cost-docs: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)


def fresh(assemblies: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """The files of docs/ as they should be: name and content.

    Args:
        assemblies: folder with the cloud assembly of every environment.
        texts: the pages as they are, by name; what stands outside their marked blocks is kept.
    """
    reports = {
        (environment, name): _report(assemblies / environment, name)
        for environment in ENVIRONMENTS
        for name in profile.shipped()
    }
    shown = reports[SHOWN]
    blocks = {
        "components": page.components(shown),
        "ways": page.ways(shown),
        "zones": page.zones(shown),
        "single": page.single(shown),
        "prices": _prices(shown),
        "answer": _answer(shown),
        "hour": _hour(shown),
        "bills": _bills(shown),
        "sizes": _sizes(reports),
        "peak": _peak(shown),
        "savings": _savings(shown),
        "images": _images(reports),
        "assumptions": _assumptions(shown),
    }

    def fill(block: re.Match[str]) -> str:
        return f"{block[1]}\n\n{blocks[block[2]]}\n\n{block[3]}"

    pages = {name: _BLOCK.sub(fill, text) for name, text in texts.items()}
    return {"images/cost.svg": bill(shown), "images/break_even.svg": break_even(shown.investment), **pages}


def _report(folder: Path, name: str) -> Report:
    assembly = load_assembly(folder)
    return report(folder.name, assembly, profile.load(name), prices.load(region_of(assembly)))


def _answer(found: Report) -> str:
    investment, single, total = found.investment, found.single, found.estimate.total
    even, avoided = investment.break_even_hours, investment.avoided_hours
    verdict = (
        "On these assumptions it pays."
        if investment.pays
        else "On these assumptions avoided outages alone do not quite pay for it."
    )
    images, year = number(found.estimate.images.expected), usd(investment.extra_usd.expected)
    sentences = (
        f"**{found.profile.title}, {images} images a month.** This design, as `{found.name}` is configured, costs",
        f"**{usd(total.expected)} USD a month** ({usd_range(total)}); one server with everything on it",
        f"**{usd(single.total.expected)}** ({usd_range(single.total)}). The difference, {year} USD in a year, is",
        f"earned back by **{number(even.expected)} hours of outage that do not happen** ({number_range(even)},",
        f"depending on what an hour costs). We assume that the design avoids {number(avoided.expected)} hours",
        f"in a year ({number_range(avoided)}). {verdict}",
    )
    return "\n".join(sentences)


def _hour(found: Report) -> str:
    parts = hour_parts(found.profile)
    rows = [(name, *(usd(cost.at(level)) for level in Level)) for name, cost in parts.items()]
    total = found.investment.hour_usd
    rows.append(("**one hour**", *(f"**{usd(total.at(level))}**" for level in Level)))
    return table(("USD for one hour of outage", "low", "expected", "high"), rows)


def _bills(found: Report) -> str:
    single, total = found.single, found.estimate.total
    rows = [
        ("a month, expected", usd(single.total.expected), usd(total.expected)),
        ("a month, low to high", usd_range(single.total), usd_range(total)),
        ("of it: files and downloads, the same for both", _shared(found), _shared(found)),
        ("a year, expected", usd(single.total.expected * 12), usd(total.expected * 12)),
        (
            "hours of outage in a year, assumed",
            number_range(found.investment.server_hours),
            number_range(found.investment.design_hours),
        ),
        ("paid to survive the loss of a data centre", "nothing", f"{usd(found.spare.expected)} a month"),
    ]
    return table(("USD", "one server", "this design"), rows)


def _shared(found: Report) -> str:
    return usd(found.single.parts[-1].cost.expected)


def _sizes(reports: Mapping[tuple[str, str], Report]) -> str:
    rows = []
    for name in profile.shipped():
        of_profile = [reports[environment, name] for environment in ENVIRONMENTS]
        bills = [f"{usd(found.estimate.total.expected)}, {_pays_from(found)}" for found in of_profile]
        last = of_profile[-1]
        hour, avoided = usd(last.investment.hour_usd.expected), number(last.investment.avoided_hours.expected)
        rows.append((last.profile.title, usd(last.single.total.expected), *bills, hour, avoided))
    sizes = (f"as `{environment}`" for environment in ENVIRONMENTS)
    return table(("USD a month, expected", "one server", *sizes, "an hour costs", "hours avoided"), rows)


def _pays_from(found: Report) -> str:
    if not found.spare_by_component.get("database", Range()).expected:
        return "no second data centre"
    mark = "pays" if found.investment.pays else "does not pay"
    return f"{mark} ({number(found.investment.break_even_hours.expected)} h)"


def _peak(found: Report) -> str:
    single = found.single
    rows = [
        (
            f"work for {BATCH:,} images",
            times(single.batch_hours),
            f"{times(single.batch_hours_of_design)}, and the minutes that it takes to start all workers",
        ),
        ("an update of the software", "an outage", "none: new tasks start before old ones end"),
        ("a lost disk or machine", "a person restores a backup; what came since is lost", "none: the others go on"),
        (
            "a lost data centre",
            "a person builds it anew elsewhere",
            "a minute or two for the database, none for the rest",
        ),
    ]
    return table(("", f"one server ({INSTANCE})", "this design"), rows)


def _savings(found: Report) -> str:
    lines = found.estimate.lines
    workers = sum(line.cost.expected for line in lines if line.component == "workers" and line.driver is Driver.FIXED)
    endpoints = sum(
        way.by_endpoint.expected - way.by_nat.expected
        for way in found.ways
        if way.endpoint and way.zones and way.service not in _SESSION_MANAGER
    )
    use = found.worker_use
    busy = f"they have work for {share(use.expected, 1)} of the month" if use is not None else "there are none"
    rows = [
        (
            "no workers that always run (`workers.min_instances = 0`)",
            usd(workers),
            f"{busy}; without them the first images of a job wait some minutes for a machine",
        ),
        (
            "all services through NAT (`network.interface_endpoints = []`)",
            usd(endpoints),
            "calls to AWS leave through the NAT gateways; Session Manager's three endpoints stay",
        ),
        (
            "one data centre instead of two",
            usd(found.spare.expected),
            "its loss, or that of one machine in it, is an outage: what this page is about",
        ),
    ]
    return table(("lever", "up to USD a month", "what is lost"), rows)


def _images(reports: Mapping[tuple[str, str], Report]) -> str:
    rows = []
    for name in profile.shipped():
        found = reports[SHOWN[0], name]
        if found.per_thousand is None or found.next_thousand is None:
            continue
        fixed = found.estimate.of_driver(Driver.FIXED)
        rows.append(
            (
                found.profile.title,
                number(found.estimate.images.expected),
                usd(fixed.expected),
                f"{usd(found.per_thousand.expected)} ({usd_range(found.per_thousand)})",
                f"{usd(found.next_thousand.expected)} ({usd_range(found.next_thousand)})",
            )
        )
    return table(("", "images a month", "fixed part of the bill", "per 1000 images", "another 1000 images"), rows)


def _assumptions(found: Report) -> str:
    rows = [
        (_WORDS[f"{section}.{key}"], _amount(value))
        for section in ("images", "peak", "kept", "outage")
        for key, value in getattr(found.profile, section)
    ]
    return table((f"profile `{found.profile.name}`", "low to high (expected)"), rows)


def _amount(value: object) -> str:
    known = value.range if isinstance(value, Known) else Range(*[float(str(value))] * 3)
    return number(known.expected) if known.certain else f"{number_range(known)} ({number(known.expected)})"


def _prices(found: Report) -> str:
    days = sorted({price.as_of for price in found.used})
    read, unread = len(found.used) - len(found.unverified), len(found.unverified)
    sentences = (
        f"The bill needs {len(found.used)} prices, of {days[0]} to {days[-1]}.",
        f"{read} of them were read in AWS's price list, or in a copy of it that names the list's version.",
        f"{unread} were not, and {share(found.unverified_share, 1)} of the bill hangs on those:",
        f"{', '.join(f'`{price.key}`' for price in found.unverified)}.",
    )
    return "\n".join(sentences)


def main(arguments: list[str]) -> int:
    """Write the pages."""
    try:
        texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in PAGES}
        for name, content in fresh(Path(arguments[0]), texts).items():
            (DOCS / name).write_text(content, encoding="utf-8")
            print(f"docs/{name}")
    except AuditError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
