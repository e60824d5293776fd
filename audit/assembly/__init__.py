"""A cloud assembly as a typed graph: every reference resolved, and whatever cannot be resolved said so."""

from audit.assembly.files import Template, read_templates
from audit.assembly.graph import Assembly, Resource, load_assembly, resolve_templates
from audit.assembly.values import Address, Reference, Text, Unknown, Value, references

__all__ = [
    "Address",
    "Assembly",
    "Reference",
    "Resource",
    "Template",
    "Text",
    "Unknown",
    "Value",
    "load_assembly",
    "read_templates",
    "references",
    "resolve_templates",
]
