"""Cloud assemblies on disk: made aside and put in place whole, so that a failure leaves what was there before."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from stacks.acknowledgements import acknowledge
from stacks.base import PlatformStack
from stacks.settings import Settings

Wire = Callable[[cdk.App, Settings], Sequence[PlatformStack]]
"""Adds the stacks of an environment to an app."""

_CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"


def make_app(settings: Settings, folder: Path) -> cdk.App:
    """The app of one environment, without stacks, to be synthesized into a folder.

    Feature flags are read from `cdk.json` here, because only the CDK command line does that by itself: templates are
    then the same whoever starts the synthesis.
    """
    context: dict[str, Any] = json.loads(_CDK_JSON.read_text(encoding="utf-8"))["context"]
    # Lets a finding or a journey over the template be told in the names of the source.
    context["aws:cdk:enable-path-metadata"] = True
    app = cdk.App(outdir=str(folder), context=context, analytics_reporting=False)
    tags = {"Project": "rawmill", "Environment": settings.name, **settings.tags}
    for key, value in sorted(tags.items()):
        cdk.Tags.of(app).add(key, value)
    return app


def synthesize(settings: Settings, wire: Wire, folder: Path) -> None:
    """Write the assembly of one environment straight into a folder."""
    app = make_app(settings, folder)
    for stack in wire(app, settings):
        acknowledge(stack.acknowledgements())
    app.synth()


def write_assembly(settings: Settings, wire: Wire, folder: Path) -> None:
    """Put the assembly of one environment in the place of a folder; a failure leaves the folder as it was."""
    with _made_aside(folder) as aside:
        synthesize(settings, wire, aside)


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
