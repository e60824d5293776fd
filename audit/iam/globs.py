"""IAM's patterns, exactly: whether one covers another, and whether two have a string in common.

A pattern is a string with `*` (any characters, also none) and `?` (one character). Both questions are asked of sets of
strings, so that a request may itself be a pattern, such as every object below a prefix.
"""

from functools import lru_cache

_OTHER = "\0"
"""Stands for every character that neither pattern names."""


@lru_cache(maxsize=100_000)
def covers(pattern: str, other: str) -> bool:
    """Whether every string of `other` is one of `pattern`."""
    if pattern in {"*", other}:
        return True
    alphabet = ({*pattern, *other} - {"*", "?"}) | {_OTHER}
    start = (_closed(other, {0}), _closed(pattern, {0}))
    seen, open_states = {start}, [start]
    while open_states:
        theirs, mine = open_states.pop()
        if len(other) in theirs and len(pattern) not in mine:
            return False
        for character in alphabet:
            following = _step(other, theirs, character)
            if following:
                state = (following, _step(pattern, mine, character))
                if state not in seen:
                    seen.add(state)
                    open_states.append(state)
    return True


@lru_cache(maxsize=100_000)
def overlap(first: str, second: str) -> bool:
    """Whether some string is one of both."""
    seen, open_states = {(0, 0)}, [(0, 0)]
    while open_states:
        here, there = open_states.pop()
        if here == len(first) and there == len(second):
            return True
        for state in _moves(first, second, here, there):
            if state not in seen:
                seen.add(state)
                open_states.append(state)
    return False


def _moves(first: str, second: str, here: int, there: int) -> list[tuple[int, int]]:
    mine = first[here] if here < len(first) else None
    theirs = second[there] if there < len(second) else None
    moves = []
    if mine == "*":
        moves.append((here + 1, there))
        if theirs is not None and theirs != "*":
            moves.append((here, there + 1))
    if theirs == "*":
        moves.append((here, there + 1))
        if mine is not None and mine != "*":
            moves.append((here + 1, there))
    if (
        mine is not None
        and theirs is not None
        and "*" not in {mine, theirs}
        and (mine == theirs or "?" in {mine, theirs})
    ):
        moves.append((here + 1, there + 1))
    return moves


def _closed(pattern: str, states: set[int]) -> frozenset[int]:
    """Also the states that a `*` leads to without a character."""
    found = set(states)
    for state in sorted(states):
        position = state
        while position < len(pattern) and pattern[position] == "*":
            position += 1
            found.add(position)
    return frozenset(found)


def _step(pattern: str, states: frozenset[int], character: str) -> frozenset[int]:
    following = set()
    for state in states:
        if state == len(pattern):
            continue
        if pattern[state] == "*":
            following.add(state)
        elif pattern[state] in {"?", character}:
            following.add(state + 1)
    return _closed(pattern, following)
