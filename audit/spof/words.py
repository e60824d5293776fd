"""How pages and terminals spell what the model holds."""

from audit.spof.model import Component


def within(component: Component) -> str:
    """Recovery time for people, with where it comes from."""
    if component.recovery_s is None:
        return component.basis
    least, most = component.recovery_s
    return f"{span(least)} to {span(most)} ({component.basis})"


def span(seconds: float) -> str:
    """A time in the unit that people would use."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.0f} days"
