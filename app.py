"""CDK entry: reads the environments it is asked for, wires their stacks, nothing else.

`python app.py` makes every environment, `python app.py prod` one, each into `cdk.out/NAME`. Under the CDK command line
(`npx cdk diff -c env=prod`) it makes the one that the context names, where the command line says.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stacks.settings import ENVIRONMENTS, Problem, Settings, SettingsError, environment_names, load_settings, notices

if TYPE_CHECKING:
    import aws_cdk as cdk

    from stacks.base import PlatformStack

ROOT = Path(__file__).resolve().parent


def wire(app: "cdk.App", settings: Settings) -> "list[PlatformStack]":
    """The stacks of one environment."""
    from stacks.data import DataStack  # noqa: PLC0415
    from stacks.delivery import DeliveryStack  # noqa: PLC0415
    from stacks.messaging import MessagingStack  # noqa: PLC0415
    from stacks.network import NetworkStack  # noqa: PLC0415
    from stacks.observability import ObservabilityStack  # noqa: PLC0415
    from stacks.web import WebStack  # noqa: PLC0415
    from stacks.workers import WorkersStack  # noqa: PLC0415

    network = NetworkStack(app, "Network", settings=settings)
    data = DataStack(app, "Data", settings=settings, network=network)
    messaging = MessagingStack(app, "Messaging", settings=settings, key=data.key)
    web = WebStack(app, "Web", settings=settings, network=network, data=data, messaging=messaging)
    workers = WorkersStack(app, "Workers", settings=settings, network=network, data=data, messaging=messaging)
    observability = ObservabilityStack(
        app,
        "Observability",
        settings=settings,
        network=network,
        data=data,
        messaging=messaging,
        web=web,
        workers=workers,
    )
    stacks: list[PlatformStack] = [network, data, messaging, web, workers, observability]
    if settings.identity.github_repository:
        stacks.append(DeliveryStack(app, "Delivery", settings=settings, repository=settings.identity.github_repository))
    return stacks


def main(arguments: Sequence[str] | None = None) -> int:
    """Synthesize; 0 when every assembly is written, 2 when settings are refused."""
    parser = argparse.ArgumentParser(prog="app.py", description="Write the cloud assembly of environments.")
    parser.add_argument("environments", nargs="*", metavar="ENV", help="a file in environments/; all when left out")
    parser.add_argument("--settings", type=Path, default=ENVIRONMENTS, help="folder of the environments' files")
    parser.add_argument("--output", type=Path, default=ROOT / "cdk.out", help="folder of the assemblies")
    options = parser.parse_args(arguments)
    command_line_folder = os.environ.get("CDK_OUTDIR")
    try:
        wanted = options.environments or environment_names(options.settings)
        names = [_named_by_context()] if command_line_folder else wanted
        environments = [load_settings(name, options.settings) for name in names]
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2

    # Starting CDK takes seconds: settings are refused before it.
    from stacks.assembly import synthesize, write_assembly  # noqa: PLC0415

    for settings in environments:
        for notice in notices(settings):
            print(notice, file=sys.stderr)
        if command_line_folder:
            # The command line keeps its locks in its folder, which therefore cannot be replaced.
            synthesize(settings, wire, Path(command_line_folder))
        else:
            write_assembly(settings, wire, options.output / settings.name)
    return 0


def _named_by_context() -> str:
    name = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}")).get("env")
    if not isinstance(name, str):
        raise SettingsError(
            "context",
            [Problem(key="env", found="missing", allowed=f"one of {', '.join(environment_names())}: -c env=NAME")],
        )
    return name


if __name__ == "__main__":
    sys.exit(main())
