"""Packages whose modules register what they hold: a new case is a new file in the folder."""

import importlib
import pkgutil
from collections.abc import Iterable


def import_all(package: str, path: Iterable[str]) -> list[str]:
    """Imports every module of a package, `__name__` and `__path__` of it; their names in their order."""
    names = sorted(module.name for module in pkgutil.iter_modules(path))
    for name in names:
        importlib.import_module(f"{package}.{name}")
    return names
