"""Brings docs/ up to date with the synthesized templates. `python -m stacks.pictures`."""

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stacks.pictures import platform
from stacks.pictures.facts import read_facts
from stacks.pictures.network import draw
from stacks.pictures.platform_facts import read_platform
from stacks.pictures.platform_tables import alarms, queues, scaling, stacks
from stacks.pictures.settings import settings_tables
from stacks.pictures.tables import journey, matrix, network_acl

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("network.md", "architecture.md", "configuration.md")
_BLOCK = re.compile(r"(<!-- made by make infrastructure-docs: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)


def fresh(assembly: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """The files of docs/ as they should be: name and content.

    Args:
        assembly: folder of production's cloud assembly.
        texts: the pages as they are, by name; what stands outside their marked blocks is kept.
    """
    network, whole = read_facts(assembly / "Network.template.json"), read_platform(assembly)
    blocks = {tier: network_acl(network, tier) for tier in network.acls} | {
        "matrix": matrix(),
        "journey": journey(network),
        "stacks": stacks(whole),
        "queues": queues(whole),
        "scaling": scaling(whole),
        "alarms": alarms(whole),
        **settings_tables(),
    }

    def fill(block: re.Match[str]) -> str:
        return f"{block[1]}\n\n{blocks[block[2]]}\n\n{block[3]}"

    pages = {name: _BLOCK.sub(fill, text) for name, text in texts.items()}
    return {"network.svg": draw(network), "architecture.svg": platform.draw(whole), **pages}


def main() -> int:
    """Synthesize production and write what it shows."""
    from app import wire  # noqa: PLC0415
    from stacks.assembly import synthesize  # noqa: PLC0415
    from stacks.settings import load_settings  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        synthesize(load_settings("prod"), wire, Path(folder))
        texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in PAGES}
        for name, content in fresh(Path(folder), texts).items():
            (DOCS / name).write_text(content, encoding="utf-8")
            print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
