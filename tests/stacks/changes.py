"""Changes as people make them, synthesized for real: each leaves an assembly beside that of the code as it is."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from app import wire
from stacks.assembly import write_assembly
from stacks.base import PlatformStack
from stacks.constructs import burst, database, stateful
from stacks.network import NetworkStack
from stacks.settings import Settings, load_settings
from stacks.traffic import Party


def open_database_to_app_subnets(folder: Path) -> None:
    """Production: 5432 from every address of the app subnets, in place of two security groups."""

    def wired(app: cdk.App, settings: Settings) -> list[PlatformStack]:
        stacks = wire(app, settings)
        network = next(stack for stack in stacks if isinstance(stack, NetworkStack))
        for letter, zone in zip("AB", settings.network.zones.values(), strict=True):
            ec2.CfnSecurityGroupIngress(
                network,
                f"EverybodyToDatabase{letter}",
                group_id=network.security_groups.groups[Party.DATABASE].attr_group_id,
                ip_protocol="tcp",
                from_port=5432,
                to_port=5432,
                cidr_ip=str(zone.private_app),
            )
        return stacks

    write_assembly(load_settings("prod"), wired, folder)


def rename_database(folder: Path) -> None:
    """Production: the database gets another logical id."""

    def pinned(construct: cdk.CfnResource, logical_id: str) -> cdk.CfnResource:
        return stateful.pin(construct, "PhotosDatabase" if logical_id == "Database" else logical_id)

    with patch.object(database, "pin", pinned):
        write_assembly(load_settings("prod"), wire, folder)


def add_nat_gateway(folder: Path) -> None:
    """Development: a NAT gateway in each zone instead of one."""
    settings = load_settings("dev")
    network = settings.network.model_copy(update={"nat": "per-zone"})
    write_assembly(settings.model_copy(update={"network": network}), wire, folder)


def change_function_code(folder: Path) -> None:
    """Production: a comment in the function that starts burst workers."""
    code = folder.parent / f"{folder.name}-code"
    shutil.copytree(burst._FOLDER, code)
    with (code / "index.py").open("a", encoding="utf-8") as file:
        file.write("# a comment\n")
    with patch.object(burst, "_FOLDER", code):
        write_assembly(load_settings("prod"), wire, folder)


CHANGES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "open-database": ("prod", open_database_to_app_subnets),
    "rename-database": ("prod", rename_database),
    "add-nat": ("dev", add_nat_gateway),
    "change-code": ("prod", change_function_code),
}
"""What it changes, by name: the environment and how."""
