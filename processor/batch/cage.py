"""What the workers of a batch are left with: its originals to read, its output folder to write, and nothing else."""

from collections.abc import Iterable
from pathlib import Path

from processor.batch.inputs import Input
from processor.batch.options import BatchOptions
from processor.batch.workspace import Workspace
from processor.isolation.sandbox import Cage, protection
from processor.recipe import Recipe

_OPEN_FILES = 1024


def cage_of(options: BatchOptions, originals: Iterable[Input], recipe: Recipe, workspace: Workspace) -> Cage | None:
    """The cage of one batch's workers; None when the caller wants none."""
    if not options.isolated:
        return None
    # Where an original lies and where it is linked to; a folder, for there may be a hundred thousand in it.
    folders = {folder for original in originals for folder in _folders(Path(original.source))}
    plugins = {Path(name).absolute().parent for name in options.plugins if name.endswith(".py")}
    logo = () if recipe.watermark is None else (recipe.watermark.logo.absolute(),)
    seats = () if options.licences is None else (options.licences.folder,)
    return Cage(
        readable=(*sorted(folders | plugins), *logo, *(path.absolute() for path in options.readable)),
        writable=(
            workspace.out_dir,
            workspace.private_dir,
            *seats,
            *(path.absolute() for path in options.writable),
        ),
        threads=True,
        open_files=_OPEN_FILES,
    )


def not_isolated(options: BatchOptions) -> tuple[str, ...]:
    """What the workers of a batch are not kept from, and why."""
    if not options.isolated:
        return ("--no-isolation was asked for",)
    return protection().missing


def _folders(original: Path) -> Iterable[Path]:
    yield original.absolute().parent
    try:
        yield original.resolve().parent
    except (OSError, RuntimeError):  # a loop of links
        return
