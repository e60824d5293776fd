"""What must hold between the settings of what is kept: nothing goes while a job still needs it."""

from collections.abc import Callable, Iterator

from stacks.settings.errors import Problem
from stacks.settings.tree import SettingsTree


def _objects_outlive_their_job(settings: SettingsTree) -> Iterator[Problem]:
    lifetime = settings.jobs.lifetime_days
    for key, what in (
        ("uploads_retention_days", "an upload that is gone before its job ends cannot be developed"),
        ("results_retention_days", "a job that ends would have lost its first renditions"),
    ):
        days = getattr(settings.storage, key)
        if days < lifetime:
            yield Problem.of(f"storage.{key}", days, f"at least jobs.lifetime_days, {lifetime}: {what}")


def _storage_can_grow(settings: SettingsTree) -> Iterator[Problem]:
    first, most = settings.database.storage_gib, settings.database.max_storage_gib
    least = -(-first * 11 // 10)
    if most < least:
        yield Problem.of(
            "database.max_storage_gib",
            most,
            f"at least {least}, a tenth above database.storage_gib: RDS enlarges storage in steps of that size",
        )


def _a_deployer_has_a_repository(settings: SettingsTree) -> Iterator[Problem]:
    identity = settings.identity
    if identity.github_repository is not None:
        return
    if identity.github_environment is not None or identity.github_provider_exists:
        yield Problem(
            key="identity.github_repository",
            found="missing",
            allowed="'owner/name', or none of the keys github_…: the deploy role trusts one repository",
        )


RULES: tuple[Callable[[SettingsTree], Iterator[Problem]], ...] = (
    _objects_outlive_their_job,
    _storage_can_grow,
    _a_deployer_has_a_repository,
)
