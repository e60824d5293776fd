"""Keeps docs/service.md's tables and docs/api-reference.md as the code has them. `python -m service.reference`."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import django

PAGE = Path(__file__).resolve().parents[1] / "docs" / "service.md"
API_PAGE = PAGE.with_name("api-reference.md")
_BLOCK = re.compile(r"(<!-- made by make service-docs: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)


def fresh(text: str) -> str:
    """The page as it should be; what stands outside its marked blocks is kept."""
    blocks = {"variables": _variables(), "metrics": _metrics(), "reasons": _reasons()}
    return _BLOCK.sub(lambda block: f"{block[1]}\n\n{blocks[block[2]]}\n\n{block[3]}", text)


def api_reference() -> str:
    """The page of the API as it should be."""
    from service.api import reference  # noqa: PLC0415
    from service.api.application import api  # noqa: PLC0415

    return reference.page(api.get_openapi_schema())


def main() -> int:
    """Writes the pages."""
    API_PAGE.write_text(api_reference(), encoding="utf-8")
    PAGE.write_text(fresh(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def _variables() -> str:
    from service.config import CONFIGS, Config, variable_of  # noqa: PLC0415

    def rows(kind: type[Config], left_out: Iterable[str] = ()) -> list[tuple[str, ...]]:
        return [
            (f"`{variable_of(name)}`", field.description or "")
            for name, field in kind.model_fields.items()
            if name not in left_out
        ]

    parts = [f"Every task:\n\n{_table(('variable', 'what'), rows(Config))}"]
    for role, kind in CONFIGS.items():
        own = rows(kind, Config.model_fields)
        if own:
            parts.append(f"{role.capitalize()} tasks besides:\n\n{_table(('variable', 'what'), own)}")
    return "\n\n".join(parts)


def _metrics() -> str:
    from service.metrics import ALL_METRICS  # noqa: PLC0415

    return _table(
        ("metric", "unit", "split by", "what"),
        [(f"`{each.name}`", each.unit, ", ".join(each.dimensions) or "–", each.meaning) for each in ALL_METRICS],
    )


def _reasons() -> str:
    from service.jobs.reasons import MEANINGS  # noqa: PLC0415

    return _table(("code", "what"), [(f"`{code}`", meaning) for code, meaning in MEANINGS.items()])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    import os

    os.environ["DJANGO_SETTINGS_MODULE"] = "service.settings"
    django.setup()
    sys.exit(main())
