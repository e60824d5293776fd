"""Cloud assemblies on disk: made aside and put in place whole, so that a failure leaves what was there before."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stacks.node import use_locked_node

use_locked_node()

import aws_cdk as cdk  # noqa: E402

from stacks.acknowledgements import acknowledge  # noqa: E402
from stacks.base import PlatformStack  # noqa: E402
from stacks.settings import Settings  # noqa: E402

Wire = Callable[[cdk.App, Settings], Sequence[PlatformStack]]
"""Adds the stacks of an environment to an app."""

_CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"


def make_app(settings: Settings, wire: Wire, folder: Path, *, acknowledged: bool = True) -> cdk.App:
    """The app of one environment, ready to be synthesized into a folder.

    `acknowledged` False leaves every compliance finding open, for those who count them.

    Feature flags are read from `cdk.json` here, because only the CDK command line does that by itself: templates are
    then the same whoever starts the synthesis.
    """
    context: dict[str, Any] = json.loads(_CDK_JSON.read_text(encoding="utf-8"))["context"]
    app = cdk.App(outdir=str(folder), context=context, analytics_reporting=False)
    tags = {"Project": "rawmill", "Environment": settings.name, **settings.tags}
    for key, value in sorted(tags.items()):
        cdk.Tags.of(app).add(key, value)
    stacks = wire(app, settings)
    if acknowledged:
        for stack in stacks:
            acknowledge(stack.acknowledgements())
    return app


def write_assembly(settings: Settings, wire: Wire, folder: Path, *, whole: bool = True) -> None:
    """Synthesize one environment into a folder.

    Args:
        settings: the environment.
        wire: adds its stacks.
        folder: replaced when the synthesis succeeds, else left alone.
        whole: False writes straight into the folder, for the CDK command line, which keeps its locks there.
    """
    if not whole:
        make_app(settings, wire, folder).synth()
        return
    with _made_aside(folder) as aside:
        make_app(settings, wire, aside).synth()


@contextmanager
def _made_aside(folder: Path) -> Iterator[Path]:
    """A new folder that takes the other one's place when the block ends without an error."""
    parent_is_ours = not folder.parent.exists()
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    made, former = aside / "new", aside / "former"
    try:
        made.mkdir()
        yield made
        if folder.exists():
            folder.rename(former)
        try:
            made.rename(folder)
        except OSError:
            if former.exists():
                former.rename(folder)
            raise
    finally:
        shutil.rmtree(aside)
        if parent_is_ours and not any(folder.parent.iterdir()):
            folder.parent.rmdir()
