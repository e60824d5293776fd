"""The sequence of `make deploy-local`: deploy, use, refuse, update, destroy, each step with what it shows."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.status import Status

from local.assembly import Assembly
from local.aws.endpoints import ACCOUNT
from local.customer import make_shoot, mebibytes, submit, unpack
from local.demo import clock
from local.deployment import failed_events
from local.errors import LocalError, LocalReason
from local.fleet import Fleet
from local.layout import Layout
from local.rehearsal.bursts import Bursts, burst_function
from local.rehearsal.cdk import Cdk, Change, first_of
from local.rehearsal.containers import Containers
from local.rehearsal.coverage import require_coverage
from local.rehearsal.deployed import Resource, deployed_resources, named_resources, of_type, template_of
from local.rehearsal.engine import Engine, find_engine
from local.rehearsal.inventory import LISTED_TYPES, Inventory, added, listed, sorted_out, take_inventory
from local.rehearsal.refusals import Refusals
from local.rehearsal.report import Report, Step
from local.rehearsal.variant import Grant, Setting, raised_by_one, without_grant
from local.runners import Processes, Runner
from local.running import find_running
from local.servers import Servers
from local.shape import Shape
from local.synthesis import synthesize
from local.tasks import Part, Task, deployed_tasks
from stacks.settings import load_settings

SETTING = Setting(table="storage", key="results_retention_days")
SETTING_CHANGES = ("AWS::S3::Bucket", "ResultsBucket")
"""What a change of the setting changes, and nothing else."""

GRANT = Grant(sid="Uploads", action="s3:PutObject")
"""The grant that is taken away to see that its absence would be noticed: without it no link accepts an upload."""

LOGS = "platform/logs"
_BURSTS_END_WITHIN_S = 240
_POLL_S = 0.2


def deploy_local(environment: str, folder: Path, *, image: bool) -> int:
    """0 when everything was shown; `LocalError` with the reason when not, after whatever was shown until then."""
    console = Console(highlight=False, soft_wrap=True)
    engine = find_engine(os.environ) if image else None
    report = Report()
    try:
        Rehearsal(environment, folder.resolve(), engine, console, report).run()
    finally:
        console.print()
        report.print(console)
    console.print(f"\n{environment} can be deployed; renditions are in {folder / 'results'}, logs in {folder / LOGS}")
    return 0


class Rehearsal:
    """One run; it ends with `LocalError` at the first thing that is not as it should be, and leaves nothing running."""

    def __init__(self, environment: str, folder: Path, engine: Engine | None, console: Console, report: Report) -> None:
        self._environment = environment
        self._folder = folder
        self._engine = engine
        self._console = console
        self._report = report
        self._say = clock(console, time.monotonic())
        self._layout = _emptied(folder)
        self._undo = ExitStack()
        self._status: Status | None = None

    def run(self) -> None:
        """Everything, in order."""
        with self._undo:
            with self._working("synthesis"):
                assembly = synthesize(self._environment, self._folder / "assembly")
            region = load_settings(self._environment).region
            self._stacks = Assembly(assembly, account=ACCOUNT, region=region).stacks()
            types = [each["Type"] for stack in self._stacks for each in template_of(stack)["Resources"].values()]
            require_coverage(types)
            self._say(f"{self._environment}: {len(types)} resources in {len(self._stacks)} stacks")
            originals = make_shoot(self._folder / "samples", self._console)

            self._start_servers(region)
            with self._step("cdk bootstrap") as shown:
                self._cdk.bootstrap()
                shown("the account is ready")
            before = take_inventory(self._clients)
            resources = self._deploy(assembly)
            self._expect_no_difference(assembly)

            tasks = deployed_tasks(self._clients.ecs)
            fleet, bursts = self._start_service(tasks, resources)
            refusals = Refusals(self._layout.log("aws"))
            self._demonstrate(fleet, bursts, originals, refusals)
            self._demonstrate_refusal(fleet, originals, refusals, assembly)
            self._stop_service(fleet)

            self._update(resources)
            self._destroy(assembly, before, resources)
            with self._working("stopping"):
                self._undo.close()

    def _start_servers(self, region: str) -> None:
        settings = {"RAWMILL_LOCAL_REGISTRY": self._engine.registry} if self._engine else {}
        servers = self._undo.enter_context(Servers(self._layout, region=region, settings=settings, said=self._say))
        self._servers, self._clients = servers, servers.clients
        self._cdk = Cdk(
            address=self._clients.address,
            home=self._folder / "cdk",
            log=self._layout.log("cdk"),
            engine=self._engine,
            progress=self._progress,
        )

    def _deploy(self, assembly: Path) -> list[Resource]:
        with self._step("cdk deploy") as shown:
            self._try_deploy(assembly)
            resources = deployed_resources(self._clients.cloudformation, self._stacks)
            self._report.resources = resources
            types = len({resource.resource_type for resource in resources})
            shown(f"{len(resources)} resources of {types} types, as many as in the templates")
        return resources

    def _try_deploy(self, assembly: Path, *stacks: str) -> None:
        try:
            self._cdk.deploy(assembly, *stacks)
        except LocalError as error:
            events = [failed_events(self._clients.cloudformation, stack.name) for stack in self._stacks]
            if failed := [event for event in events if event]:
                raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"{'; '.join(failed)}\n{error.args[0]}") from None
            raise

    def _expect_no_difference(self, assembly: Path) -> None:
        with self._step("cdk diff") as shown:
            if changes := self._cdk.diff(assembly):
                raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"what was just deployed differs: {first_of(changes)}")
            shown("no difference")

    def _expect_exactly(self, assembly: Path, resource_type: str, logical_id: str) -> Change:
        changes = self._cdk.diff(assembly)
        match changes:
            case [Change(how="~") as change] if change.resource_type == resource_type and (
                change.logical_id == logical_id
            ):
                return change
        raise LocalError(
            LocalReason.DEPLOYMENT_FAILED,
            f"cdk diff should name {resource_type} {logical_id} alone; it names {first_of(changes) or 'nothing'}",
        )

    def _start_service(self, tasks: dict[Part, Task], resources: list[Resource]) -> tuple[Fleet, Bursts | None]:
        """What was deployed, running: all names and addresses are those of its own definitions."""
        with self._step("tasks start") as shown:
            named = named_resources(tasks, resources)
            runner = self._runner(tasks)
            staying = "--until-empty" not in tasks[Part.WORKER].command
            fleet = Fleet(self._servers, tasks, runner, shape=Shape(workers=int(staying)), said=self._say)
            fleet.serve()
            function = None if staying else burst_function(self._clients, resources)
            bursts = None
            if function is not None:
                bursts = Bursts(
                    self._clients,
                    function,
                    lambda command, name: fleet.start(Part.WORKER, *command, name=name, stays=False),
                )
            how = "containers of the pushed image" if self._engine else "processes, without an image"
            shown(f"{how}; their definitions name {len(named)} deployed resources")
        return fleet, bursts

    def _runner(self, tasks: dict[Part, Task]) -> Runner:
        if self._engine is None:
            return Processes(self._layout.scratch)
        containers = Containers(self._engine, run=str(os.getpid()))
        self._undo.callback(containers.forget_images)
        self._undo.callback(self._engine.docker, "logout", self._engine.registry, check=False)
        # Before the servers stop, and whatever else happens.
        self._undo.callback(containers.remove)
        with self._working("pulling the image"):
            digests = {containers.pull(task) for task in tasks.values()}
        self._say(f"image {', '.join(digests)} from {self._engine.registry}")
        return containers

    def _demonstrate(self, fleet: Fleet, bursts: Bursts | None, originals: list[Path], refusals: Refusals) -> None:
        with self._step("demo", draws=True) as shown:
            results = self._folder / "results"
            self._submit(fleet, originals, results, bursts)
            renditions = unpack(results, originals=len(originals))
            ended = self._bursts_ended(bursts)
            if refused := refusals.seen():
                raise LocalError(
                    LocalReason.JOB_FAILED, f"the demo passed, but calls were refused: {', '.join(map(str, refused))}"
                )
            size = mebibytes(originals)
            shown(
                f"{len(originals)} RAWs of {size:.0f} MiB became {len(renditions)} renditions and came back"
                f"{ended}; no call was refused"
            )

    def _submit(self, fleet: Fleet, originals: list[Path], results: Path, bursts: Bursts | None) -> None:
        def watch() -> None:
            if (dead := self._servers.died()) is not None:
                raise LocalError(LocalReason.PROCESS_ENDED, dead.ending())
            if bursts is not None:
                bursts.turn()

        submit(fleet.access, originals, out=results, state=self._folder / "client", while_waiting=watch)

    @staticmethod
    def _bursts_ended(bursts: Bursts | None) -> str:
        """Wait until the workers that came for the backlog have gone by themselves."""
        if bursts is None:
            return ""
        deadline = time.monotonic() + _BURSTS_END_WITHIN_S
        while not bursts.finished():
            if time.monotonic() > deadline:
                raise LocalError(
                    LocalReason.NOT_READY, f"workers still run {_BURSTS_END_WITHIN_S} s after the queue was empty"
                )
            time.sleep(_POLL_S)
        count = f"{bursts.started} worker{'s' * (bursts.started > 1)}"
        return f", by {count} that the burst function started and that ended when the queue was empty"

    def _demonstrate_refusal(self, fleet: Fleet, originals: list[Path], refusals: Refusals, assembly: Path) -> None:
        """Deploy the same without one grant: the same demo must fail, and the log must name the action."""
        with self._step("without a grant", draws=True) as shown:
            variant = self._folder / "assembly-without-a-grant"
            stack, policy = without_grant(assembly, self._stacks, GRANT, variant)
            self._expect_exactly(variant, "AWS::IAM::ManagedPolicy", policy)
            self._try_deploy(variant, stack.identity)
            refusals.forget()
            smallest = min(originals, key=lambda path: path.stat().st_size)
            try:
                self._submit(fleet, [smallest], self._folder / "refused", None)
            except LocalError as error:
                if error.reason is not LocalReason.JOB_FAILED:
                    raise
            else:
                raise LocalError(LocalReason.JOB_FAILED, f"the demo passes without {GRANT.action} of {GRANT.sid}")
            actions = {refusal.action for refusal in refusals.seen()}
            if actions != {GRANT.action}:
                raise LocalError(
                    LocalReason.JOB_FAILED, f"without {GRANT.action} these were refused: {', '.join(actions) or 'none'}"
                )
            [refusal, *_] = refusals.seen()
            shown(f"the demo fails, {refusal.action} is refused to {refusal.role}")
        with self._step("with it again") as shown:
            self._try_deploy(assembly, stack.identity)
            if changes := self._cdk.diff(assembly):
                raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"it differs: {first_of(changes)}")
            shown("deployed, no difference")

    def _stop_service(self, fleet: Fleet) -> None:
        with self._step("tasks stop") as shown:
            codes = fleet.stop()
            if bad := {name: code for name, code in codes.items() if code}:
                raise LocalError(LocalReason.PROCESS_ENDED, f"tasks did not stop in order: exit codes {bad}")
            shown(f"{', '.join(codes)}: exit code 0")

    def _update(self, resources: list[Resource]) -> None:
        with self._step("update in place") as shown:
            settings = self._folder / "environments"
            before, after = raised_by_one(self._environment, SETTING, settings)
            changed = synthesize(self._environment, self._folder / "assembly-changed", settings=settings)
            change = self._expect_exactly(changed, *SETTING_CHANGES)
            self._try_deploy(changed)
            if changes := self._cdk.diff(changed):
                raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"after the update differ: {first_of(changes)}")
            updated = deployed_resources(self._clients.cloudformation, self._stacks)
            if {each.physical_id for each in updated} != {each.physical_id for each in resources}:
                raise LocalError(LocalReason.DEPLOYMENT_FAILED, "the update has replaced resources")
            [bucket] = [each.physical_id for each in updated if each.logical_id == change.logical_id]
            if after not in (expires := self._days_until_expiry(bucket)):
                raise LocalError(
                    LocalReason.DEPLOYMENT_FAILED, f"objects of {bucket} expire after {expires} days, not {after}"
                )
            shown(f"{SETTING} {before} → {after}: {change}, nothing replaced, no difference after it")

    def _days_until_expiry(self, bucket: str) -> list[int]:
        rules = self._clients.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        return [rule["Expiration"]["Days"] for rule in rules if "Days" in rule.get("Expiration", {})]

    def _destroy(self, assembly: Path, before: Inventory, resources: list[Resource]) -> None:
        with self._step("cdk destroy") as shown:
            there = added(before, take_inventory(self._clients))
            unseen = {each.resource_type for each in resources} & LISTED_TYPES - there.keys()
            if unseen:
                raise LocalError(
                    LocalReason.DEPLOYMENT_FAILED, f"the inventory does not see what is deployed of {unseen}"
                )
            buckets = [each for each in of_type(resources, "AWS::S3::Bucket") if not each.kept]
            emptied = sum(self._empty(bucket.physical_id) for bucket in buckets)
            for stack in self._stacks:
                if stack.termination_protection:
                    self._clients.cloudformation.update_termination_protection(
                        StackName=stack.name, EnableTerminationProtection=False
                    )
            self._cdk.destroy(assembly)
            kept, left = sorted_out(added(before, take_inventory(self._clients)), resources)
            if left:
                raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"destroy has left {listed(left)}")
            self._remaining_stacks()
            count = sum(map(len, there.values())) - sum(map(len, kept.values()))
            stays = f"kept as their templates say: {listed(kept)}" if kept else "nothing is left"
            shown(
                f"{count} resources of {len(there)} types that the services list are gone, {stays}; {emptied} objects "
                "were removed before, since a bucket with objects stays"
            )

    def _remaining_stacks(self) -> None:
        """`LocalError` when one of ours is still known."""
        ours = {stack.name for stack in self._stacks}
        pages = self._clients.cloudformation.get_paginator("describe_stacks").paginate()
        if left := ours & {stack["StackName"] for page in pages for stack in page["Stacks"]}:
            raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"destroy has left the stacks {', '.join(sorted(left))}")

    def _empty(self, bucket: str) -> int:
        """Remove every version of every object, as an operator has to before a bucket goes."""
        removed = 0
        for page in self._clients.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self._clients.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
                removed += 1
        return removed

    @contextmanager
    def _step(self, what: str, *, draws: bool = False) -> Iterator[Callable[[str], None]]:
        """Time a step, show that it goes on unless it `draws` by itself, keep what it has shown."""
        began_s = time.monotonic()
        found: list[str] = []
        with nullcontext() if draws else self._working(what):
            yield found.append
        step = Step(what=what, shown=found[0], seconds=time.monotonic() - began_s)
        self._report.steps.append(step)
        self._say(f"{what}: {step.shown}")

    @contextmanager
    def _working(self, what: str) -> Iterator[None]:
        if not self._console.is_terminal:
            self._say(f"{what} …")
        with self._console.status(f"[dim]{what}[/dim]") as self._status:
            yield
        self._status = None

    def _progress(self, line: str) -> None:
        if self._status is not None:
            self._status.update(f"[dim]{line}[/dim]")


def _emptied(folder: Path) -> Layout:
    """Every run begins with nothing; samples are kept, since making them again shows nothing."""
    layout = Layout(folder / "platform")
    if find_running(layout) is not None:
        message = f"another deployment is tried in {folder}; wait for it or press Ctrl-C there"
        raise LocalError(LocalReason.ALREADY_RUNNING, message)
    for old in folder.iterdir():
        if old.name != "samples":
            shutil.rmtree(old)
    return Layout(folder / "platform")
