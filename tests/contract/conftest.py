"""The synthesized templates, shared with the tests of the stacks."""

from tests.stacks.conftest import assemblies, template_of

__all__ = ["assemblies", "template_of"]
