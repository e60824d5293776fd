"""What settings may say and somebody should know of all the same, one line each."""

from collections.abc import Iterator

from stacks.settings.model import Settings


def notices(settings: Settings) -> Iterator[str]:
    """Printed when an environment is synthesized; nothing is wrong with it."""
    if settings.web.domain is None:
        yield (
            f"environments/{settings.name}.toml: web.domain: not set: {settings.name} serves plain HTTP, which anyone "
            "on the way can read; prod would be refused"
        )
