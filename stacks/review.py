"""What a change does, as the comment of a pull request. `python -m stacks.review [--base REVISION] [--head REVISION]`.

Makes the assemblies of both sides and hands them to `audit review`, with every argument that it does not know itself.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from stacks.commits import ROOT, CommitError, assemblies_here, assemblies_of, commit_of

_HERE = ROOT / "build" / "review"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 2 when a side cannot be made, else what `audit review` answers."""
    parser = argparse.ArgumentParser(prog="python -m stacks.review")
    parser.add_argument("--base", default="", help="the commit that the change is held against; HEAD when left out")
    parser.add_argument("--head", default="", help="the commit of the change; the files as they are when left out")
    options, others = parser.parse_known_args(arguments)
    base, head = options.base or "HEAD", options.head
    try:
        before = assemblies_of(base)
        after = assemblies_of(head, name="HEAD") if head else assemblies_here(_HERE / "head")
        names = _name(base), _name(head) if head else "working files"
    except CommitError as error:
        print(error, file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "audit", "review", str(before), str(after)]
    command += ["--base-name", names[0], "--head-name", names[1], *others]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _name(revision: str) -> str:
    """What people call a commit: as they typed it, with its id."""
    short = commit_of(revision)[:10]
    return short if short.startswith(revision) or revision.startswith(short) else f"{revision} ({short})"


if __name__ == "__main__":
    sys.exit(main())
