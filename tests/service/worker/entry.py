"""Starts a worker as `python -m service worker` does, with settings that only tests choose: `{"function": …}`."""

import json
import sys
from dataclasses import replace

from service import runtime
from service.config import WorkerConfig


def main() -> int:
    config = WorkerConfig.from_environment()
    runtime.start(config)
    from service import logs
    from service.worker.main import work
    from service.worker.settings import WorkerSettings

    logs.configure(config)
    settings = WorkerSettings.of(config, until_empty=False)
    return work(config, replace(settings, **json.loads(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
