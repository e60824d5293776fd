"""The settings tree: every group in its place. What must hold between two of them is asked in `model`."""

from ipaddress import IPv4Network
from typing import Annotated, Any

from pydantic import Field, model_validator

from stacks.settings.container_image import ContainerImageSettings
from stacks.settings.machine_image import MachineImageSettings
from stacks.settings.network import NetworkSettings, default_zones
from stacks.settings.operations import BudgetSettings, IdentitySettings, ObservabilitySettings
from stacks.settings.platform import (
    DatabaseSettings,
    JobSettings,
    MessagingSettings,
    SessionStoreSettings,
    WebSettings,
    WorkerSettings,
)
from stacks.settings.storage import StorageSettings
from stacks.settings.types import Account, Region, Strict, TagKey, TagValue, is_region


class SettingsTree(Strict):
    """One environment.

    Attributes:
        name: the stem of its file.
        region: every stack is made in this region.
        account: when given, the command line refuses credentials of any other account.
        high_availability: claims that losing one zone loses no request; what contradicts the claim is refused.
        termination_protection: stacks refuse to be destroyed, and what they would leave behind is kept.
        tags: put on every resource, beside the project's and the environment's name.
    """

    name: str
    region: Region
    account: Account | None = None
    high_availability: bool
    termination_protection: bool
    tags: Annotated[dict[TagKey, TagValue], Field(max_length=20)] = Field(default_factory=dict)
    network: NetworkSettings
    jobs: JobSettings = JobSettings()
    messaging: MessagingSettings = MessagingSettings()
    web: WebSettings
    workers: WorkerSettings
    machine_image: MachineImageSettings = MachineImageSettings()
    container_image: ContainerImageSettings = ContainerImageSettings()
    database: DatabaseSettings
    session_store: SessionStoreSettings
    storage: StorageSettings = StorageSettings()
    budget: BudgetSettings
    identity: IdentitySettings = IdentitySettings()
    observability: ObservabilitySettings = ObservabilitySettings()

    @property
    def console_origins(self) -> tuple[str, ...]:
        """The web origins whose pages may upload and download: the platform's own domain, and those named beside it."""
        own = (f"https://{self.web.domain}",) if self.web.domain else ()
        return tuple(dict.fromkeys(own + self.storage.console_origins))

    @model_validator(mode="before")
    @classmethod
    def _two_zones_by_default(cls, data: Any) -> Any:
        """Fill in the design's two zones when the file names none."""
        if not isinstance(data, dict) or not isinstance(network := data.get("network"), dict) or "zones" in network:
            return data
        try:
            cidr = IPv4Network(network.get("cidr", "10.0.0.0/16"))
        except (ValueError, TypeError):
            return data
        if cidr.prefixlen != 16:
            return data
        # Settings with a wrong region are refused for that alone: zones of some region keep it the only complaint.
        region = region if is_region(region := data.get("region")) else "eu-west-1"
        return {**data, "network": {**network, "zones": default_zones(region, cidr)}}
