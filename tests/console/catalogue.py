"""What the console says, read out of its templates and code, and the Korean for it. `make console-words` runs it.

    python -m tests.console.catalogue      update locale/ko/…/django.po from the code, compile it to django.mo

Both files are committed: a fresh machine needs neither gettext nor this module. A test holds them to the code.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

CONSOLE = Path(__file__).resolve().parents[2] / "service" / "console"
PO = CONSOLE / "locale" / "ko" / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
_KEYWORDS = {"gettext": None, "gettext_lazy": None, "_": None, "ngettext": (1, 2)}


def said() -> Catalog:
    """Every sentence of the console with the places that say it."""
    catalogue = Catalog()
    for path, source in _sources():
        for line, _function, message, _comments in extract_python(io.BytesIO(source.encode()), _KEYWORDS, [], {}):
            catalogue.add(message, locations=[(path.relative_to(CONSOLE).as_posix(), line)])
    return catalogue


def known() -> Catalog:
    """The committed catalogue."""
    with PO.open("rb") as file:
        return read_po(file, locale="ko")


def compiled(catalogue: Catalog) -> bytes:
    """As Django reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main() -> int:
    """Writes both files; 1 when sentences wait for their Korean."""
    catalogue = known() if PO.exists() else Catalog(locale="ko")
    catalogue.project, catalogue.version, catalogue.copyright_holder = "Rawmill", "1", "Rawmill"
    catalogue.header_comment = (
        "# What the console says, in Korean. `make console-words` keeps the sentences up to date."
    )
    catalogue.last_translator, catalogue.language_team = "Rawmill", "Korean"
    catalogue.msgid_bugs_address, catalogue.fuzzy = "Rawmill", False
    catalogue.update(said(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, catalogue, width=120, omit_header=False, sort_output=True, include_lineno=False)
    MO.write_bytes(compiled(catalogue))
    missing = [str(message.id) for message in catalogue if message.id and not message.string]
    for sentence in missing:
        sys.stderr.write(f"no Korean for: {sentence}\n")
    return 1 if missing else 0


def _sources() -> Iterator[tuple[Path, str]]:
    for path in sorted(CONSOLE.rglob("*.py")):
        yield path, path.read_text(encoding="utf-8")
    for path in sorted(CONSOLE.rglob("templates/**/*.html")):
        yield path, templatize(path.read_text(encoding="utf-8"), origin=str(path))


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure(USE_I18N=True)
    django.setup()
    sys.exit(main())
