"""Changes as people make them, synthesized for real: the review says exactly what they do, and little else."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from audit.assembly import load_assembly
from audit.review.comment import MARKER, comment
from audit.review.compare import Review, compare
from audit.review.resources import Effect
from tests.stacks.changes import CHANGES
from tests.stacks.review_page import PAGE, filled

Reviews = Callable[[str], Review]
END = "\n<sub>What it can and cannot see: `docs/review.md`.</sub>\n"


@pytest.fixture(scope="module")
def review_of(assemblies: Path) -> Reviews:
    """The review of a change, held against the environment that it is made to; made once, however many processes."""

    @cache
    def made(name: str) -> Review:
        environment, change = CHANGES[name]
        folder = assemblies.parent / "changes" / name
        folder.parent.mkdir(exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                change(folder)
        return compare(environment, load_assembly(assemblies / environment), load_assembly(folder))

    return made


def told(review: Review) -> str:
    return comment([review], base="main", head="branch")


def test_opening_the_database_to_the_app_subnets_is_one_path_and_two_rules(review_of: Reviews) -> None:
    assert told(review_of("open-database")) == (
        f"""{MARKER}
### Infrastructure: what `main` → `branch` changes

| environment | in short |
|---|---|
| prod | **1 network path opened**, 2 resources added |

<details open><summary><b>prod</b></summary>

**Network paths**

- **opened: `anything in private app subnets` → `database` tcp 5432**, whatever security groups it has; """
        """for example `tcp 10.0.11.10:50000 -> 10.0.21.10:5432`

**Resources**

- added `EC2::SecurityGroupIngress`: `Network/EverybodyToDatabaseA`, `Network/EverybodyToDatabaseB`

</details>
""" + END
    )


def test_renaming_the_database_is_shouted_as_what_it_does_to_its_data(review_of: Reviews) -> None:
    review = review_of("rename-database")
    text = told(review)
    (loss,) = review.losses
    assert (loss.effect, str(loss.former), str(loss.address)) == (
        Effect.RENAMED,
        "Data.Database",
        "Data.PhotosDatabase",
    )
    warnings = [line for line in text.splitlines() if line.startswith("> - ")]
    assert (
        "DATA TAKEN OUT OF SERVICE: database `Data/Database/Instance` is deleted and an empty one is made"
        in warnings[0]
    )
    assert "its deletion protection refuses the deletion" in warnings[0]
    assert "DeletionPolicy Snapshot" in warnings[0]
    # CloudFormation would not even begin: others import its address, and the new one would have the old one's name.
    assert "stack `Data` stops exporting" in warnings[1]
    assert "under the name `rawmill-prod`" in warnings[2]
    assert len(warnings) == 3
    # And nothing else: what only refers to it is the same for whoever reviews.
    assert len(review.resources) == 1
    nothing = (review.paths, review.permissions, review.points, review.alarms, review.stacks, review.cost, review.blind)
    assert not any(nothing)


def test_a_nat_gateway_in_the_second_zone_costs_and_mends_and_opens_nothing(review_of: Reviews) -> None:
    review = review_of("add-nat")
    assert [(change.effect.value, change.path) for change in review.resources] == [
        ("added", "Network/Subnets/NatAddressB"),
        ("added", "Network/Subnets/NatGatewayB"),
        ("changed", "Network/Subnets/PrivateAppBToNat"),
        ("added", "Observability/Alarms/NatPortsB"),
        ("changed", "Observability/Overview/Dashboard"),
    ]
    assert [(point.gained, point.what) for point in review.points] == [(False, "one of NAT gateways")]
    assert [(alarm.effect, alarm.name) for alarm in review.alarms] == [("added", "Observability/Alarms/NatPortsB")]
    assert review.cost is not None
    assert [line.what for line in review.cost.lines] == ["gateway", "public address", "alarm"]
    assert review.cost.difference.expected == pytest.approx(sum(line.difference for line in review.cost.lines))
    nothing = (review.paths, review.permissions, review.losses, review.deadlocks, review.taken, review.blind)
    assert not any(nothing)
    assert "1 single point of failure gone, 1 alarm, **+" in told(review)


def test_other_code_alone_is_one_line(review_of: Reviews) -> None:
    assert told(review_of("change-code")) == (
        f"{MARKER}\n**Infrastructure: new code only** in prod: `code Burst/Code`. Nothing else changes "
        "(`main` → `branch`).\n"
    )


@pytest.mark.parametrize("environment", ["dev", "prod", "staging"])
def test_an_environment_held_against_itself_is_quiet(assemblies: Path, environment: str) -> None:
    assembly = load_assembly(assemblies / environment)
    assert compare(environment, assembly, assembly).is_quiet


def test_the_examples_in_the_docs_are_what_the_review_says(review_of: Reviews) -> None:
    committed = PAGE.read_text(encoding="utf-8")
    fresh = filled(committed, review_of)
    assert without_totals(committed) == without_totals(fresh), "docs/review.md has fallen behind: run make review-docs"


def without_totals(page: str) -> str:
    """What a whole environment costs moves with every price and every resource, and is not the example's point."""
    return re.sub(r"\(from [\d,]+ to [\d,]+ USD", "(from … to … USD", page)
