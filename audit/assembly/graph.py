"""The typed graph of an assembly: every resource with its resolved properties and what it refers to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from audit.assembly.files import Template, read_templates
from audit.assembly.resolve import Places, Resolver
from audit.assembly.values import Address, Reference, Unknown, Value, references, unknowns
from audit.errors import AuditError, Problem


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource.

    Attributes:
        address: stack and logical id.
        kind: its type, such as `AWS::EC2::Subnet`.
        properties: resolved; what is only known when deployed stands as Reference or Text.
        path: the construct's path, or the address where the template does not tell.
        policies: `DeletionPolicy` and `UpdateReplacePolicy`, as far as they are given.
    """

    address: Address
    kind: str
    properties: Mapping[str, Value]
    path: str
    policies: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[Address, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ref(self) -> Reference:
        """What `Ref` gives of it."""
        return Reference(self.address)

    @cached_property
    def targets(self) -> frozenset[Address]:
        """The resources that its properties refer to."""
        return frozenset(reference.address for reference in references(dict(self.properties)))

    @cached_property
    def unknowns(self) -> tuple[Problem, ...]:
        """Properties that the templates do not tell."""
        return tuple(
            Problem(where=f"{self.address} ({self.kind}): {path}", why=unknown.why)
            for path, unknown in unknowns(dict(self.properties))
        )

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """Every stack and every resource of a cloud assembly.

    Attributes:
        problems: what could not be resolved. A proof that needs one of them must refuse to answer.
    """

    folder: Path
    stacks: Mapping[str, Template]
    resources: Mapping[Address, Resource]
    outputs: Mapping[str, Mapping[str, Value]]
    problems: tuple[Problem, ...]

    def of_kind(self, *kinds: str) -> Iterator[Resource]:
        """Resources of these types, in the order of their addresses."""
        return (resource for resource in self.resources.values() if resource.kind in kinds)

    def at(self, value: Value) -> Resource | None:
        """The resource that a value refers to, when it is one reference and nothing else."""
        return self.resources.get(value.address) if isinstance(value, Reference) else None

    @property
    def kinds(self) -> frozenset[str]:
        """Every resource type that occurs."""
        return frozenset(resource.kind for resource in self.resources.values())


def load_assembly(folder: Path, *, parameters: Mapping[str, str] | None = None) -> Assembly:
    """Read and resolve an assembly.

    Args:
        folder: what `cdk synth` wrote, or a folder with templates of any tool.
        parameters: values in place of the defaults of template parameters.

    Raises:
        AuditError: the folder holds no readable templates.
    """
    return resolve_templates(folder, read_templates(folder), parameters=parameters)


def resolve_templates(
    folder: Path, templates: Sequence[Template], *, parameters: Mapping[str, str] | None = None
) -> Assembly:
    """Resolve templates that are read already, as `load_assembly` does."""
    names = [template.stack for template in templates]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AuditError([Problem(where=str(folder), why=f"stack {name!r} is there twice") for name in twice])
    loader = _Loader(templates, parameters or {})
    resources = {resource.address: resource for template in templates for resource in loader.resources(template)}
    return Assembly(
        folder=folder,
        stacks={template.stack: template for template in templates},
        resources=dict(sorted(resources.items())),
        outputs={template.stack: loader.outputs(template) for template in templates},
        problems=tuple(
            sorted({*loader.problems, *(problem for found in resources.values() for problem in found.unknowns)})
        ),
    )


class _Loader:
    """Resolvers of all stacks, which look up each other's exports."""

    def __init__(self, templates: Sequence[Template], parameters: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        # Stacks of one assembly are deployed together: what they leave open is the same for all of them.
        places = Places()
        self._resolvers = {
            template.stack: Resolver(template=template, foreign=self._foreign, parameters=parameters, places=places)
            for template in templates
        }
        self._exports = dict(self._named_exports())
        self._looking: list[str] = []

    def resources(self, template: Template) -> Iterator[Resource]:
        """The resources of a stack whose condition holds."""
        resolver = self._resolvers[template.stack]
        for logical_id, written in template.section("Resources").items():
            address = Address(template.stack, logical_id)
            if "Condition" in written:
                made = resolver.condition(str(written["Condition"]))
                if isinstance(made, Unknown):
                    where = f"{address} ({written['Type']}): Condition {written['Condition']}"
                    self.problems.append(Problem(where=where, why=made.why))
                elif not made:
                    continue
            properties = resolver.value(written.get("Properties") or {})
            metadata = written.get("Metadata") or {}
            yield Resource(
                address=address,
                kind=written["Type"],
                properties=properties if isinstance(properties, dict) else {},
                path=str(metadata.get("aws:cdk:path", address)),
                policies={
                    key: str(written[key]) for key in ("DeletionPolicy", "UpdateReplacePolicy") if key in written
                },
                depends_on=tuple(Address(template.stack, name) for name in _names(written.get("DependsOn"))),
                metadata=metadata,
            )

    def outputs(self, template: Template) -> dict[str, Value]:
        """The outputs of a stack by name."""
        resolver = self._resolvers[template.stack]
        return {name: resolver.value(output.get("Value")) for name, output in template.section("Outputs").items()}

    def _named_exports(self) -> Iterator[tuple[str, tuple[str, str]]]:
        for stack, resolver in self._resolvers.items():
            for output, written in resolver.template.section("Outputs").items():
                name = resolver.value((written.get("Export") or {}).get("Name"))
                if isinstance(name, str):
                    yield name, (stack, output)

    def _foreign(self, name: str, stack_name: str | None) -> Value:
        if stack_name is None:
            stack, output = self._exports.get(name, ("", ""))
            what = f"export {name!r}"
        else:
            named = (stack for stack, it in self._resolvers.items() if it.template.stack_name == stack_name)
            stack, output = next(named, ""), name
            what = f"output {name!r} of stack {stack_name!r}"
        if not stack or output not in self._resolvers[stack].template.section("Outputs"):
            return Unknown(f"{what} is of no stack in this assembly")
        if what in self._looking:
            return Unknown(f"{what} depends on itself")
        self._looking.append(what)
        try:
            return self._resolvers[stack].value(self._resolvers[stack].template.section("Outputs")[output]["Value"])
        finally:
            self._looking.pop()


def _names(written: Any) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written or ())
