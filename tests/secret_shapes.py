"""What secrets look like, for tests that look for them in what is committed, synthesized and built."""

import re

SHAPES = {
    "AWS access key": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\s|\\n)+[A-Za-z0-9+/]{40}"),
    "API key of ours": re.compile(rb"\brawmill_[a-z2-7]{12}_[A-Za-z0-9_-]{43}\b"),
    "token of a forge": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})\b"),
    "token of a chat": re.compile(rb"\bxox[abpr]-[A-Za-z0-9-]{20,}"),
    "password in a URL": re.compile(rb"\b(?:postgres(?:ql)?|rediss?)://[^:/@\s{}]*:[^@/\s{}$<.\[]{6,}@"),
}
EXAMPLES = frozenset({b"AKIAIOSFODNN7EXAMPLE", b"ASIAIOSFODNN7EXAMPLE"})
"""Of AWS's own documentation."""
PLANTED = (
    "key = AKIA" + "Z" * 16,
    "-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 60,
    "-----BEGIN PRIVATE KEY-----\\n" + "A" * 60,
    "rawmill_" + "a" * 12 + "_" + "b" * 43,
    "ghp_" + "c" * 36,
    "postgresql://rawmill:" + "hunter2hunter2" + "@db/x",
)
"""One of each kind, for tests of the search itself."""


def found_in(data: bytes) -> list[str]:
    """Kinds of secrets whose shape occurs."""
    return [kind for kind, shape in SHAPES.items() if any(hit not in EXAMPLES for hit in shape.findall(data))]
