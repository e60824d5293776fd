"""CloudFormation resource types that our templates use and ministack lacks, or whose properties it drops.

The engine refuses a template with a type that neither has. What is used of ministack is private to it: its version is
pinned, and a test asserts that every name used here exists in that version.
"""

from ministack.services.cloudformation import provisioners

from local.aws.emulator.resources import (
    alarms,
    databases,
    images,
    names,
    network,
    recorded,
    secrets_manager,
    storage,
    tasks,
)


def install() -> None:
    """Add the types to the engine; refused when a later ministack has one of the recorded types itself."""
    registry = provisioners._RESOURCE_HANDLERS
    for module in (network, storage, databases, secrets_manager, alarms, tasks, names):
        registry.update(module.handlers(registry))
    own = recorded.handlers(registry)
    better = own.keys() & registry.keys()
    if better:
        raise RuntimeError(f"ministack has {', '.join(sorted(better))} now: take them out of recorded.py")
    registry.update(own)
    images.install()
