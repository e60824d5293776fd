"""Patterns and conditions are judged exactly, and what a request leaves open stays open."""

from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import NotModelledError
from audit.iam.conditions import ABSENT, holds
from audit.iam.globs import covers, overlap
from audit.iam.truth import Truth, both, either, opposite

patterns = st.text(alphabet="ab*?", max_size=4)
LONGEST = 6
STRINGS = ["".join(letters) for length in range(LONGEST) for letters in product("abc", repeat=length)]


def strings(pattern: str) -> set[str]:
    return {text for text in STRINGS if fnmatchcase(text, pattern)}


@given(patterns, patterns)
def test_a_pattern_covers_another_when_it_matches_all_that_the_other_does(pattern: str, other: str) -> None:
    assert covers(pattern, other) == (strings(other) <= strings(pattern))


@given(patterns, patterns)
def test_patterns_overlap_when_some_string_matches_both(first: str, second: str) -> None:
    assert overlap(first, second) == bool(strings(first) & strings(second))


@pytest.mark.parametrize(
    ("block", "context", "expected"),
    [
        ({}, {}, Truth.YES),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "true"}, Truth.NO),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws:securetransport": "false"}, Truth.YES),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, Truth.OPEN),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, {"aws:sourcevpce": ABSENT}, Truth.YES),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, {"aws:sourcevpce": "vpce-1"}, Truth.NO),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {"aws:sourcevpce": ABSENT}, Truth.NO),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, {"aws:sourcevpce": ABSENT}, Truth.YES),
        ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, Truth.NO),
        ({"StringLike": {"k": ["x*", "ab?"]}}, {"k": "abc"}, Truth.YES),
        ({"ArnLike": {"k": "arn:aws:sqs:*:*:q"}}, {"k": "arn:aws:sqs:eu-west-1:1:q"}, Truth.YES),
        ({"NumericGreaterThan": {"s3:signatureAge": "3600000"}}, {"s3:signatureage": "3600001"}, Truth.YES),
        ({"NumericGreaterThan": {"s3:signatureAge": 3600000}}, {"s3:signatureage": "10"}, Truth.NO),
        ({"Null": {"k": "true"}}, {"k": ABSENT}, Truth.YES),
        ({"Null": {"k": "false"}}, {"k": ABSENT}, Truth.NO),
        ({"IpAddress": {"k": "10.0.0.0/8"}}, {"k": "10.1.2.3"}, Truth.YES),
        ({"NotIpAddress": {"k": "10.0.0.0/8"}}, {"k": "10.1.2.3"}, Truth.NO),
        ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ("a", "b")}, Truth.YES),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {"k": ("a", "b")}, Truth.NO),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {"k": ABSENT}, Truth.YES),
        ({"ForAnyValue:StringEquals": {"k": ["a"]}}, {"k": ("a", "b")}, Truth.YES),
        ({"ForAnyValue:StringEquals": {"k": ["a"]}}, {"k": ABSENT}, Truth.NO),
        ({"StringEquals": {"a": "1", "b": "2"}}, {"a": "1", "b": "3"}, Truth.NO),
        ({"StringEquals": {"a": "1"}, "Bool": {"b": "true"}}, {"a": "1"}, Truth.OPEN),
        ({"StringEquals": {"a": "1"}, "Bool": {"b": "true"}}, {"a": "2"}, Truth.NO),
    ],
)
def test_conditions_hold_as_aws_evaluates_them(block: Any, context: dict[str, object], expected: Truth) -> None:
    assert holds(block, context) is expected


def test_an_operator_that_is_not_understood_is_refused() -> None:
    with pytest.raises(NotModelledError, match="'BinaryEquals' is not understood"):
        holds({"BinaryEquals": {"k": "x"}}, {"k": "x"})


def test_three_valued_truth_keeps_open_what_is_not_decided() -> None:
    assert both([Truth.YES, Truth.OPEN]) is Truth.OPEN
    assert both([Truth.NO, Truth.OPEN]) is Truth.NO
    assert either([Truth.NO, Truth.OPEN]) is Truth.OPEN
    assert either([Truth.YES, Truth.OPEN]) is Truth.YES
    assert [opposite(truth) for truth in Truth] == [Truth.YES, Truth.OPEN, Truth.NO]
    with pytest.raises(TypeError):
        bool(Truth.OPEN)
