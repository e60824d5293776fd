"""The one script of others that pages load is what its makers published."""

from pathlib import Path

import pytest

from local.aws.endpoints import ROOT

VENDORED = ROOT / "service" / "console" / "static" / "console" / "vendor"


@pytest.mark.browser
@pytest.mark.parametrize(("ours", "theirs"), [("client-zip.js", "index.js"), ("client-zip.LICENSE.txt", "LICENSE.txt")])
def test_the_committed_copy_is_the_published_one(ours: str, theirs: str) -> None:
    published: Path = ROOT / "node_modules" / "client-zip" / theirs
    assert (VENDORED / ours).read_bytes() == published.read_bytes(), "run `make console-vendored`"
