"""Everything that differs between environments: a frozen, validated tree, read once from `environments/NAME.toml`."""

from stacks.settings.errors import Problem, SettingsError
from stacks.settings.load import environment_names, load_settings
from stacks.settings.model import Settings
from stacks.settings.network import InterfaceEndpoint, NatMode, NetworkSettings, ZoneSettings
from stacks.settings.platform import (
    DatabaseSettings,
    JobSettings,
    MessagingSettings,
    SessionStoreSettings,
    Strategy,
    WebSettings,
    WorkerSettings,
)

__all__ = [
    "DatabaseSettings",
    "InterfaceEndpoint",
    "JobSettings",
    "MessagingSettings",
    "NatMode",
    "NetworkSettings",
    "Problem",
    "SessionStoreSettings",
    "Settings",
    "SettingsError",
    "Strategy",
    "WebSettings",
    "WorkerSettings",
    "ZoneSettings",
    "environment_names",
    "load_settings",
]
