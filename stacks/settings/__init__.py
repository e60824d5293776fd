"""Everything that differs between environments: a frozen, validated tree, read once from `environments/NAME.toml`."""

from stacks.settings.container_image import ContainerImageSettings
from stacks.settings.errors import Problem, SettingsError
from stacks.settings.load import ENVIRONMENTS, environment_names, load_settings
from stacks.settings.machine_image import MachineImageSettings
from stacks.settings.model import Settings
from stacks.settings.network import InterfaceEndpoint, NatMode, NetworkSettings, ZoneSettings
from stacks.settings.notices import notices
from stacks.settings.operations import BudgetSettings, IdentitySettings, ObservabilitySettings
from stacks.settings.platform import (
    DatabaseSettings,
    JobSettings,
    MessagingSettings,
    SessionStoreSettings,
    Strategy,
    WebSettings,
    WorkerSettings,
)
from stacks.settings.storage import StorageSettings

__all__ = [
    "ENVIRONMENTS",
    "BudgetSettings",
    "ContainerImageSettings",
    "DatabaseSettings",
    "IdentitySettings",
    "InterfaceEndpoint",
    "JobSettings",
    "MachineImageSettings",
    "MessagingSettings",
    "NatMode",
    "NetworkSettings",
    "ObservabilitySettings",
    "Problem",
    "SessionStoreSettings",
    "Settings",
    "SettingsError",
    "StorageSettings",
    "Strategy",
    "WebSettings",
    "WorkerSettings",
    "ZoneSettings",
    "environment_names",
    "load_settings",
    "notices",
]
