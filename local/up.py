"""`make up`: start the platform, show its logs, stay until Ctrl-C or until one part dies."""

import sys
import time
from pathlib import Path

from local.layout import Layout
from local.logs import LogFollower
from local.platform import Platform

_POLL_S = 0.2
_OURSELVES = "rawmill"
_READY = """
The platform is ready: {url}
  the console is there, too; sign in as {email} with the password
    {password}
  (both are in {user_file})
  API key of the tenant `demo` ({key_file}):
    export RAWMILL_URL={url} RAWMILL_API_KEY={key}
  then, in the same shell:
    .venv/bin/python -m processor sample samples --count 5
    .venv/bin/python -m client submit samples --recipe processor/presets/default.toml --watch --out renditions
    curl -H "Authorization: Bearer $RAWMILL_API_KEY" $RAWMILL_URL/v1/jobs
  logs and data are in {root}; Ctrl-C here or `make down` elsewhere stops everything and keeps them
"""


def up(data: Path) -> int:
    """0 when it was interrupted, 1 when a part died."""
    layout = Layout(data)
    logs = LogFollower()
    with Platform(layout, said=lambda line: logs.say(_OURSELVES, line)) as platform:
        access = platform.access
        key = access.api_key_file.read_text()
        email, password = access.console_user_file.read_text().split()
        ready = _READY.format(
            url=access.url,
            key=key,
            key_file=access.api_key_file,
            email=email,
            password=password,
            user_file=access.console_user_file,
            root=layout.root,
        )
        print(ready, flush=True)
        for child in platform.children:
            logs.follow(child.name, child.program.log)
        try:
            while (dead := platform.died()) is None:
                logs.print_new()
                time.sleep(_POLL_S)
            print(f"\n{dead.ending()}\nstopping everything else", file=sys.stderr, flush=True)
            code = 1
        except KeyboardInterrupt:
            logs.say(_OURSELVES, "stopping")
            code = 0
    logs.print_new()
    logs.say(_OURSELVES, "stopped")
    return code
