"""Starts a web task as `python -m service web` does, with limits that only tests choose: `{"HEAD_S": …}`."""

import json
import sys

from service import logs, runtime
from service.config import WebConfig

PROCESSES = 2
"""Whatever the number of cores, for tests count connections by them."""


def main() -> None:
    config = WebConfig.from_environment()
    logs.configure(config)
    runtime.start(config)
    from service.database.migrate import migrate_first
    from service.web import server, waiting

    for name, value in {**json.loads(sys.argv[1]), "processes": lambda: PROCESSES}.items():
        [place] = [module for module in (server, waiting) if hasattr(module, name)]
        setattr(place, name, value)
    migrate_first()
    server.run(config)


if __name__ == "__main__":
    main()
