"""The CDK command line against the endpoints of this machine: what it is told, what it says, what came of it."""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.aws.endpoints import ACCOUNT, ROOT, AwsAddress
from local.errors import LocalError, LocalReason
from local.process import ChildProcess, Program
from local.rehearsal.engine import Engine

_POLL_S = 0.1
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_BUILDKIT")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_EVENT = re.compile(r"^(\S+) +\| +(\d+)/(\d+) +\|[^|]*\| (\w+) +\| (\S+) +\| (.*)$")
_BUILD = re.compile(r"^#\d+ \[(.+?) +(\d+)/(\d+)\] (\w+)")
_PUSH = re.compile(r"^\S+: (start|success): (Building|Publishing|Built|Published) (.*Asset)\b")
_CHANGE = re.compile(r"^\[([+~-])\] (\S+::\S+) (?:\S+ )?(\S+?)(?: (?:replace|may be replaced|destroy|orphan).*)?$")
_STACK = re.compile(r"^Stack \S+ \((\S+)\)")
_DIFFERENCES = re.compile(r"Number of stacks with differences: (\d+)")

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that `cdk diff` names."""

    how: str
    stack: str
    resource_type: str
    logical_id: str

    def __str__(self) -> str:
        return f"[{self.how}] {self.resource_type} {self.logical_id} of {self.stack}"


class Cdk:
    """The command line, with a home of its own, so that nothing it remembers of other accounts matters.

    Args:
        progress: told often what it is at, for a line that is written over.
    """

    def __init__(
        self, *, address: AwsAddress, home: Path, log: Path, engine: Engine | None, progress: Progress
    ) -> None:
        self._address = address
        self._home = home
        self._log = log
        self._engine = engine
        self._progress = progress

    def bootstrap(self) -> None:
        """Make the account ready, as it is done once in every account."""
        self._must("bootstrap", f"aws://{ACCOUNT}/{self._address.region}", assembly=None)

    def deploy(self, assembly: Path, *stacks: str) -> None:
        """Deploy all stacks, or the ones that are named without those they need."""
        which = [*stacks, "--exclusively"] if stacks else ["--all"]
        self._must("deploy", *which, "--require-approval", "never", assembly=assembly)

    def diff(self, assembly: Path) -> list[Change]:
        """What a deployment would change; the command's own word on whether anything would is held against the list."""
        code, said = self._run("diff", "--fail", assembly=assembly)
        changes, differing = changes_in(said), _DIFFERENCES.search(said)
        if differing is None or code not in (0, 1):
            raise self._failed("diff", code, said)
        if (code == 0) != (int(differing[1]) == 0) or bool(changes) != bool(code):
            raise LocalError(
                LocalReason.DEPLOYMENT_FAILED,
                f"cdk diff ended with {code}, {differing[1]} stacks with differences and {len(changes)} changed "
                f"resources, which does not fit together; its log is {self._log}",
            )
        return changes

    def destroy(self, assembly: Path) -> None:
        """Delete all stacks."""
        self._must("destroy", "--all", "--force", assembly=assembly)

    def _must(self, command: str, *arguments: str, assembly: Path | None) -> None:
        code, said = self._run(command, *arguments, assembly=assembly)
        if code:
            raise self._failed(command, code, said)

    def _failed(self, command: str, code: int, said: str) -> LocalError:
        last = "\n".join(line for line in said.splitlines()[-8:] if line.strip())
        return LocalError(
            LocalReason.DEPLOYMENT_FAILED, f"cdk {command} ended with {code}; its log {self._log} ends with\n{last}"
        )

    def _run(self, command: str, *arguments: str, assembly: Path | None) -> tuple[int, str]:
        """Exit code and output; the output is read while it comes."""
        self._home.mkdir(parents=True, exist_ok=True)
        app = ["--app", str(assembly)] if assembly else []
        child = ChildProcess(
            Program(
                name=f"cdk {command}",
                command=[
                    *(str(ROOT / part) for part in (".venv/bin/node", "node_modules/aws-cdk/bin/cdk")),
                    *(command, *arguments, *app, "--no-notices", "--progress", "events"),
                ],
                environment=self._environment(),
                log=self._log,
                folder=self._home,
                grace_s=20,
            )
        )
        said = ""
        try:
            with self._log.open(errors="replace") as log:
                log.seek(child.log_start)
                while True:
                    code = child.exit_code
                    new = _COLOUR.sub("", log.read())
                    said += new
                    for line in new.splitlines():
                        if (step := step_of(line)) is not None:
                            self._progress(f"cdk {command}: {step}")
                    if code is not None:
                        return code, said
                    time.sleep(_POLL_S)
        finally:
            child.stop()

    def _environment(self) -> Mapping[str, str]:
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **self._address.environment(),
            "AWS_REGION": self._address.region,
            "CDK_HOME": str(self._home),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            # Lines instead of a screen that is drawn over.
            "CI": "true",
            "NO_COLOR": "1",
            **({"CDK_DOCKER": self._engine.builder} if self._engine else {}),
        }


def step_of(line: str) -> str | None:
    """What a line of output says of where the command is, in a few words; None for all other lines."""
    if event := _EVENT.match(line):
        stack, done, total, status, resource_type, _name = event.groups()
        return f"{stack} {done}/{total} {resource_type}" if status.endswith("_COMPLETE") else None
    if build := _BUILD.match(line):
        stage, done, total, instruction = build.groups()
        return f"image, {stage} stage {done}/{total} {instruction}"
    if push := _PUSH.match(line):
        return f"{push[2].lower()} {push[3]}" if push[1] == "start" else None
    return None


def changes_in(said: str) -> list[Change]:
    """The resources that `cdk diff` names as changed, each once; parameters and outputs are no resources."""
    changes: dict[Change, None] = {}
    stack = ""
    for line in said.splitlines():
        if found := _STACK.match(line):
            stack = found[1]
        elif found := _CHANGE.match(line):
            change = Change(how=found[1], stack=stack, resource_type=found[2], logical_id=found[3])
            changes[change] = None
    return list(changes)


def first_of(changes: Sequence[Change], most: int = 10) -> str:
    """The changes as a text, cut when there are many."""
    rest = f" and {len(changes) - most} more" if len(changes) > most else ""
    return ", ".join(map(str, changes[:most])) + rest
