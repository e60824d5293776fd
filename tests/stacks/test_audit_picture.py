"""docs/audit.svg against production's templates."""

from pathlib import Path

import pytest

from audit.cli.draw import picture

pytestmark = pytest.mark.docs

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_picture_of_the_proof_shows_the_network_as_it_is_synthesized(assemblies: Path) -> None:
    committed = (DOCS / "audit.svg").read_text(encoding="utf-8")
    assert committed == picture(assemblies / "prod"), "docs/audit.svg has fallen behind: run make audit-docs"
