"""Brings docs/ up to date with the synthesized templates. `python -m stacks.pictures`."""

import re
import sys
import tempfile
from pathlib import Path

from stacks.pictures.facts import read_facts
from stacks.pictures.network import draw
from stacks.pictures.tables import journey, matrix, network_acl

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"(<!-- made by make network-docs: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)


def fresh(template: Path, text: str) -> dict[str, str]:
    """The files of docs/ as they should be: name and content.

    Args:
        template: production's Network template.
        text: docs/network.md as it is; what stands outside its marked blocks is kept.
    """
    facts = read_facts(template)
    blocks = {tier: network_acl(facts, tier) for tier in facts.acls} | {"matrix": matrix(), "journey": journey(facts)}

    def fill(block: re.Match[str]) -> str:
        return f"{block[1]}\n\n{blocks[block[2]]}\n\n{block[3]}"

    return {"network.svg": draw(facts), "network.md": _BLOCK.sub(fill, text)}


def main() -> int:
    """Synthesize production and write what it shows."""
    from app import wire  # noqa: PLC0415
    from stacks.assembly import synthesize  # noqa: PLC0415
    from stacks.settings import load_settings  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        synthesize(load_settings("prod"), wire, Path(folder))
        template = Path(folder) / "Network.template.json"
        for name, content in fresh(template, (DOCS / "network.md").read_text(encoding="utf-8")).items():
            (DOCS / name).write_text(content, encoding="utf-8")
            print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
