"""CloudWatch metric math: what is understood gives what CloudWatch gives, what is not is refused by name."""

import pytest

from audit.errors import NotModelledError
from audit.fleet.metric_math import Expression


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("a + b", {"a": 3, "b": 4}, 7),
        ("a / b", {"a": 3, "b": 4}, 0.75),
        ("a / b", {"a": 3, "b": 0}, None),
        ("a + b", {"a": 3, "b": None}, None),
        ("FILL(a, 0) + 1", {"a": None}, 1),
        ("MAX([a, b])", {"a": 3, "b": 4}, 4),
        ("MAX([a, b])", {"a": 3, "b": None}, 3),
        ("MAX([a, b])", {"a": None, "b": None}, None),
        ("IF(a > 0 AND b < 1, 1, 0)", {"a": 5, "b": 0}, 1),
        ("IF(a > 0 AND b < 1, 1, 0)", {"a": 5, "b": 1}, 0),
        ("IF(a > 0 OR b < 1, 1, 0)", {"a": 0, "b": 0}, 1),
        ("IF(a > 0, a / b, a)", {"a": 0, "b": 7}, 0),
        ("IF(a > 0, 1, 0)", {"a": None}, None),
        ("-CEIL(a) * 2", {"a": 1.2}, -4),
    ],
)
def test_an_expression_has_the_value_that_cloudwatch_gives(
    text: str, values: dict[str, float | None], result: float | None
) -> None:
    assert Expression.parse(text, list(values)).value(values) == result


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a +", "is not an expression"),
        ("c + 1", "refers to 'c', which is no line before it"),
        ("ANOMALY_DETECTION_BAND(a, 2)", "calls ANOMALY_DETECTION_BAND in a way that is not modelled"),
        ("FILL(a, REPEAT)", "refers to 'REPEAT'"),
        ("MAX(a)", "calls MAX in a way"),
        ("__import__('os')", "not modelled"),
        ("a.b", "uses what is not modelled: a.b"),
        ("a ** 2", "uses what is not modelled"),
    ],
)
def test_what_is_not_modelled_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(NotModelledError, match=why.replace("(", r"\(")):
        Expression.parse(text, ["a", "b"])
