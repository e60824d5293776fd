"""`python -m tests.audit.oracle DIR`: the network of an assembly out of the kernel, against what the audit says of it.

Exit codes: 0 they agree on every connection, or the kernel does not allow to build networks and says why; 1 they
disagree; 2 the folder cannot be read.
"""

import argparse
import sys
import time
from pathlib import Path

from audit.assembly import load_assembly
from audit.errors import AuditError
from audit.reach.load import read_network
from tests.audit.oracle.compare import Agreement, compare
from tests.audit.oracle.kernel import RefusedError, check
from tests.audit.oracle.plan import read_plan
from tests.audit.oracle.templates import Templates, UnreadableError

_SHOWN = 20


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit.oracle")
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    folder = parser.parse_args().assembly
    try:
        check()
    except RefusedError as error:
        print(f"oracle: skipped: {error}")
        return 0
    try:
        network, plan = read_network(load_assembly(folder)), read_plan(Templates.of(folder))
    except (AuditError, UnreadableError) as error:
        print(f"oracle: {error}", file=sys.stderr)
        return 2
    start = time.perf_counter()
    found = compare(network, plan)
    _print(folder, found, len(plan.places), len(plan.ports), time.perf_counter() - start)
    return 1 if found.disagreements else 0


def _print(folder: Path, found: Agreement, interfaces: int, ports: int, seconds: float) -> None:
    print(f"{folder}: {interfaces} interfaces, {ports} ports, {found.flows} connections in {seconds:.1f} s")
    if found.flows:
        agreed, named = found.flows - found.wrong_flows, found.hops - found.wrong_hops
        print(f"  {agreed} of {found.flows} agreed ({agreed / found.flows:.4%})")
        print("  " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.outcomes.items())))
        if found.hops:
            print(f"  dropped by the same hop and rule: {named} of {found.hops} ({named / found.hops:.4%})")
        if found.shares:
            print(f"  {found.shares} pairs and ports depend on NAT's port: compared by the share that completes")
    for text in found.disagreements[:_SHOWN]:
        print(f"  disagreement: {text}")
    if (more := len(found.disagreements) - _SHOWN) > 0:
        print(f"  and {more} more")


if __name__ == "__main__":
    sys.exit(main())
