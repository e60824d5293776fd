"""What a change does to an environment. `python -m stacks.diff ENV [--base REVISION]`.

With credentials the templates are held against what is deployed. Without, or with a base, they are held against the
templates of a commit, which is what a reviewer of a pull request wants to see and needs no account.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from stacks.commits import ROOT, CommitError, files_of, synthesize_files

_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


class DiffError(Exception):
    """There is nothing to compare with. The message says why."""


def has_credentials(environment: Mapping[str, str], home: Path) -> bool:
    """Whether this shell names AWS credentials. They are not tried."""
    return any(environment.get(name) for name in _CREDENTIALS) or (home / ".aws" / "credentials").exists()


def base_templates(environment: str, revision: str, scratch: Path) -> Path:
    """The assembly of an environment as a commit makes it; an empty folder when the commit has no such environment.

    Raises:
        DiffError: there is no such commit, or its settings are refused.
    """
    tree, made = scratch / "tree", scratch / "made"
    try:
        files_of(revision, tree)
    except CommitError as error:
        raise DiffError(str(error)) from None
    made.mkdir()
    if (tree / "environments" / f"{environment}.toml").exists() and not synthesize_files(tree, made, environment):
        raise DiffError(f"BASE: value {revision!r}: allowed a commit whose {environment} synthesizes")
    return made / environment


def compare(assembly: Path, base: Path, cdk: Sequence[str], scratch: Path) -> int:
    """Print the difference of every stack to the base's template of the same name."""
    empty = scratch / "empty.json"
    empty.write_text(json.dumps({"Resources": {}}), encoding="utf-8")
    for template in sorted(assembly.glob("*.template.json")):
        before = base / template.name
        stack = template.name.removesuffix(".template.json")
        command = [*cdk, "diff", stack, "--template", str(before if before.exists() else empty)]
        done = subprocess.run(command, cwd=ROOT, check=False)
        if done.returncode != 0:
            return done.returncode
    for before in sorted(base.glob("*.template.json")):
        if not (assembly / before.name).exists():
            print(f"Stack {before.name.removesuffix('.template.json')}: deleted")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 0 whether or not anything differs, 2 when there is nothing to compare with."""
    parser = argparse.ArgumentParser(prog="python -m stacks.diff")
    parser.add_argument("environment")
    parser.add_argument("--base", default="", help="a commit; without it what is deployed, if there are credentials")
    parser.add_argument("--cdk", nargs=argparse.REMAINDER, required=True, help="the command line to run, comes last")
    options = parser.parse_args(arguments)
    if not options.base and has_credentials(os.environ, Path.home()):
        return subprocess.run([*options.cdk, "diff", "--all"], cwd=ROOT, check=False).returncode
    revision = options.base or "HEAD"
    why = "" if options.base else " No AWS credentials in this shell: with some, it would be what is deployed."
    print(f"Comparing with the templates of commit {revision}.{why}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        try:
            base = base_templates(options.environment, revision, scratch)
        except DiffError as error:
            print(error, file=sys.stderr)
            return 2
        return compare(ROOT / "cdk.out" / options.environment, base, options.cdk, scratch)


if __name__ == "__main__":
    sys.exit(main())
