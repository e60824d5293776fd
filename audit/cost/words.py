"""Money and amounts as people read them."""

from audit.cost.model import Range


def usd(amount: float) -> str:
    """Whole dollars from ten on, cents below."""
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    return f"{sign}{size:,.2f}" if size < 9.995 else f"{sign}{size:,.0f}"


def usd_range(amount: Range) -> str:
    """`low to high`, or one number when both read the same."""
    low, high = usd(amount.low), usd(amount.high)
    return low if low == high else f"{low} to {high}"


def number(amount: float) -> str:
    """At most three figures that count, thousands apart."""
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"


def number_range(amount: Range) -> str:
    """`low to high`, or one number when both read the same."""
    low, high = number(amount.low), number(amount.high)
    return low if low == high else f"{low} to {high}"


def share(part: float, whole: float) -> str:
    """Percent of a whole."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return "< 1 %" if 0 < percent < 0.95 else f"{percent:.0f} %"


def times(hours: Range) -> str:
    """Hours, minutes or seconds, as they read best."""
    units = (("hours", 1.0), ("minutes", 60.0), ("seconds", 3600.0))
    unit, each = next((found for found in units if hours.high * found[1] >= 2), units[-1])
    return f"{number_range(hours * each)} {unit}"
