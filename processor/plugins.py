"""Loads the Python files and modules that register custom filters. Only the command line names them, never a recipe."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from processor.errors import ProcessorError, UsageError


def load_plugins(references: Iterable[str]) -> None:
    """Imports each module (`package.module`) or file (`path/to/filters.py`), once per process.

    Raises:
        UsageError: not found, or it raised while it was imported.
    """
    for reference in references:
        try:
            if reference.endswith(".py"):
                _load_file(Path(reference).absolute())
            else:
                importlib.import_module(reference)
        except ProcessorError:
            raise
        except Exception as error:
            raise UsageError(f"--filters {reference}: {type(error).__name__}: {error}") from error


def _load_file(path: Path) -> None:
    # The name depends on the whole path: two files called filters.py are two modules.
    name = f"rawmill_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"--filters {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
