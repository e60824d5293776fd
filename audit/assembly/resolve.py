"""Resolves a stack's properties: parameters, pseudo parameters, conditions, mappings and other stacks' exports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from audit.assembly import intrinsics
from audit.assembly.attributes import ENGINE_PORTS, MIRRORED, SAME_AS_REF
from audit.assembly.files import Template
from audit.assembly.values import Address, Reference, Unknown, Value

ABSENT = object()
"""What `AWS::NoValue` stands for: a property that is not there."""

_SSM_PARAMETER = "AWS::SSM::Parameter::Value<"


@dataclass(frozen=True, kw_only=True)
class Places:
    """What stands for the account and the region that a template leaves open: one name each, equal only to itself."""

    account: str = "<account>"
    region: str = "<region>"
    partition: str = "aws"


@dataclass(kw_only=True)
class Resolver:
    """Values of one stack.

    Attributes:
        foreign: looks up an export by its name, or an output by the stack's name and its own.
        parameters: values that stand in for the defaults of the stack's parameters.
    """

    template: Template
    foreign: Callable[[str, str | None], Value]
    parameters: Mapping[str, str] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    _conditions: dict[str, bool | Unknown] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def value(self, written: Any) -> Value:
        """What a piece of the template says. Properties whose value is `AWS::NoValue` are left out."""
        resolved = self._value(written)
        return None if resolved is ABSENT else cast("Value", resolved)

    def condition(self, name: str) -> "bool | Unknown":
        """Whether a condition of the template holds."""
        if name not in self._conditions:
            conditions = self.template.section("Conditions")
            if name not in conditions:
                return Unknown(f"condition {name!r} is not defined")
            with _Once(self._open, f"condition {name}") as first:
                self._conditions[name] = self._truth(conditions[name]) if first else Unknown(f"{name} is a circle")
        return self._conditions[name]

    def _value(self, written: Any) -> Any:
        if isinstance(written, list):
            return [item for entry in written if (item := self._value(entry)) is not ABSENT]
        if not isinstance(written, dict):
            return written
        if len(written) == 1:
            (name, argument), *_ = written.items()
            if name == "Ref":
                return self._ref(argument)
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
            if name.startswith("Fn::"):
                return Unknown(f"{name} is not modelled")
        return {key: item for key, entry in written.items() if (item := self._value(entry)) is not ABSENT}

    def _ref(self, name: Any) -> Any:
        if name == "AWS::NoValue":
            return ABSENT
        pseudo = {
            "AWS::AccountId": self.template.account or self.places.account,
            "AWS::Region": self.template.region or self.places.region,
            "AWS::Partition": self.places.partition,
            "AWS::StackName": self.template.stack_name,
            "AWS::StackId": f"<stack {self.template.stack_name}>",
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.template.section("Parameters"):
            return self._parameter(name)
        if name in self.template.section("Resources"):
            return Reference(Address(self.template.stack, name))
        return Unknown(f"Ref {name!r} names neither a parameter nor a resource")

    def _parameter(self, name: str) -> Value:
        parameter = self.template.section("Parameters")[name]
        value = self.parameters.get(name, parameter.get("Default"))
        kind = str(parameter.get("Type", "String"))
        if value is None:
            return Unknown(f"parameter {name!r} has no default")
        if kind.startswith(_SSM_PARAMETER):
            # Two that read the same parameter read the same value, and that is all that is known of it.
            return f"{{{{resolve:ssm:{value}}}}}"
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            return [item.strip() for item in str(value).split(",")]
        return cast("Value", value)

    def _get_att(self, argument: Any) -> Value:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            return Unknown("Fn::GetAtt needs a resource and an attribute")
        logical_id, attribute = parts
        resource = self.template.section("Resources").get(logical_id)
        if resource is None:
            return Unknown(f"Fn::GetAtt of {logical_id!r}, which is not a resource")
        key = (resource["Type"], attribute)
        if key in MIRRORED:
            with _Once(self._open, f"{logical_id}.{attribute}") as first:
                properties = resource.get("Properties", {})
                written = properties.get(MIRRORED[key])
                if written is None and MIRRORED[key] == "Port":
                    written = ENGINE_PORTS.get(str(properties.get("Engine")))
                if first and written is not None:
                    return self.value(written)
        return Reference(Address(self.template.stack, logical_id), "" if key in SAME_AS_REF else attribute)

    def _sub(self, argument: Any) -> Value:
        text, given = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(given, dict):
            return Unknown("Fn::Sub needs a string")
        values: dict[str, Value] = {}
        for name in intrinsics.placeholders(text):
            if name in given:
                values[name] = self.value(given[name])
            elif "." in name:
                values[name] = self._get_att(name)
            else:
                values[name] = self.value({"Ref": name})
        return intrinsics.substituted(text, values)

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            return Unknown("Fn::If needs a condition and two values")
        holds = self.condition(str(argument[0]))
        return holds if isinstance(holds, Unknown) else self._value(argument[1] if holds else argument[2])

    def _map(self, argument: Any) -> Value:
        keys = self.value(argument)
        if not isinstance(keys, list) or len(keys) != 3 or not all(isinstance(key, str) for key in keys):
            return Unknown("Fn::FindInMap with keys that are only known when deployed")
        found: Any = self.template.section("Mappings")
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                return Unknown(f"Fn::FindInMap: no entry {'.'.join(map(str, keys))}")
            found = found[key]
        return cast("Value", found)

    def _import(self, argument: Any) -> Value:
        name = self.value(argument)
        if not isinstance(name, str):
            return Unknown("Fn::ImportValue of a name that is only known when deployed")
        return self.foreign(name, None)

    def _output(self, argument: Any) -> Value:
        wanted = self.value(argument)
        if isinstance(wanted, dict):
            stack, output = wanted.get("StackName"), wanted.get("OutputName")
            if isinstance(stack, str) and isinstance(output, str):
                return self.foreign(output, stack)
        return Unknown("Fn::GetStackOutput needs a stack's name and an output's")

    def _arguments(self, argument: Any, count: int) -> "list[Value]":
        values = self.value(argument)
        if not isinstance(values, list) or len(values) < count:
            return [Unknown(f"{count} arguments are needed")] * count
        return values

    def _truth(self, written: Any) -> "bool | Unknown":
        if not isinstance(written, dict) or len(written) != 1:
            return Unknown("not a condition")
        (name, argument), *_ = written.items()
        match name:
            case "Condition":
                return self.condition(str(argument))
            case "Fn::Equals":
                return intrinsics.equal(*self._arguments(argument, 2)[:2])
            case "Fn::Not":
                return intrinsics.opposite(self._truth(argument[0]))
            case "Fn::And" | "Fn::Or":
                return intrinsics.combined([self._truth(part) for part in argument], decisive=name == "Fn::Or")
            case _:
                return Unknown(f"{name} is not modelled in a condition")


_FUNCTIONS: Mapping[str, Callable[[Resolver, Any], Any]] = {
    "Fn::GetAtt": lambda self, argument: self._get_att(argument),
    "Fn::Sub": lambda self, argument: self._sub(argument),
    "Fn::If": lambda self, argument: self._if(argument),
    "Fn::FindInMap": lambda self, argument: self._map(argument),
    "Fn::ImportValue": lambda self, argument: self._import(argument),
    "Fn::GetStackOutput": lambda self, argument: self._output(argument),
    "Fn::Join": lambda self, argument: intrinsics.joined(*self._arguments(argument, 2)[:2]),
    "Fn::Select": lambda self, argument: intrinsics.selected(*self._arguments(argument, 2)[:2]),
    "Fn::Split": lambda self, argument: intrinsics.split(*self._arguments(argument, 2)[:2]),
    "Fn::Cidr": lambda self, argument: intrinsics.blocks(*self._arguments(argument, 3)[:3]),
    "Fn::GetAZs": lambda self, argument: intrinsics.zones(self.value(argument)),
    "Fn::Base64": lambda self, argument: self.value(argument),
    "Fn::ToJsonString": lambda self, argument: intrinsics.json_text(self.value(argument)),
}


class _Once:
    """Tells whether a name is being looked up already, further out: then it depends on itself."""

    def __init__(self, names: set[str], name: str) -> None:
        self._names, self._name = names, name

    def __enter__(self) -> bool:
        self._first = self._name not in self._names
        self._names.add(self._name)
        return self._first

    def __exit__(self, *_: object) -> None:
        if self._first:
            self._names.discard(self._name)
