"""`make down`: stop a platform that runs in another shell; its data stay."""

from pathlib import Path

from local.layout import Layout
from local.running import stop_running


def down(data: Path) -> int:
    """0 once it has stopped."""
    layout = Layout(data)
    stop_running(layout)
    print(f"stopped; the data stay in {layout.root} (`make up` goes on, `make clean-local` removes them)")
    return 0
