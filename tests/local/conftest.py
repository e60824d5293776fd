"""Our own templates, deployed once per test process into local endpoints."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.assembly import Assembly
from local.aws.endpoints import ACCOUNT, DEFAULT_REGION, AwsEndpoints
from local.clients import Clients
from local.deployment import deploy
from local.platform import ENVIRONMENT
from local.synthesis import assembly_folder

DATABASE_PORT, SESSION_STORE_PORT = 54321, 63791


@pytest.fixture(scope="session")
def assembly() -> Assembly:
    """The templates of the environment that the platform deploys."""
    return Assembly(assembly_folder(ENVIRONMENT), account=ACCOUNT, region=DEFAULT_REGION)


@dataclass(frozen=True)
class Deployed:
    """All our stacks, deployed."""

    assembly: Assembly
    clients: Clients
    endpoints: AwsEndpoints

    def resources(self, resource_type: str) -> dict[str, str]:
        """Physical ids of all resources of a type, by logical id."""
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for stack in self.assembly.stacks()
            for resource in self.clients.cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]
            if resource["ResourceType"] == resource_type
        }


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEndpoints]:
    """AWS endpoints that know where a database and a session store would be."""
    folder = tmp_path_factory.mktemp("aws")
    settings = {
        "RAWMILL_LOCAL_DATABASE_HOST": "127.0.0.1",
        "RAWMILL_LOCAL_DATABASE_PORT": str(DATABASE_PORT),
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(SESSION_STORE_PORT),
    }
    with AwsEndpoints(folder, log=folder / "aws.log", persistent=False, enforcing=True, settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def deployed(endpoints: AwsEndpoints, assembly: Assembly) -> Deployed:
    """The endpoints with every stack."""
    clients = Clients(endpoints.address)
    deploy(assembly, clients)
    return Deployed(assembly, clients, endpoints)


@pytest.fixture(scope="session")
def templates(assembly: Assembly) -> dict[str, Any]:
    """All resources of all templates, by logical id."""
    import json

    found: dict[str, Any] = {}
    for stack in assembly.stacks():
        found |= json.loads(Path(stack.template).read_text())["Resources"]
    return found
