"""The tables of docs/architecture.md: stacks, queues, scaling rules, alarms."""

from stacks.pictures.network import PictureError
from stacks.pictures.platform_facts import PlatformFacts
from stacks.pictures.tables import table

_OWNS = {
    "Network": "VPC, subnets, routes, NAT, network ACLs, every security group, endpoints, flow logs",
    "Data": "key, buckets, database, session store, secrets",
    "Messaging": "job queue, dead-letter queue, alarm topic",
    "Web": "load balancer, certificate, DNS, firewall, web cluster, signer roles",
    "Workers": "worker cluster, scaling, burst, sweeper",
    "Observability": "alarms, notices, dashboard, budget",
}


def stacks(facts: PlatformFacts) -> str:
    """Stacks in the order of deployment, which is the order of their dependencies.

    Raises:
        PictureError: nobody has said yet what a stack owns.
    """
    unknown = facts.stacks.keys() - _OWNS.keys()
    if unknown:
        raise PictureError(
            f"{', '.join(sorted(unknown))}: say in _OWNS of stacks/pictures/platform_tables.py what it owns"
        )
    rows = [
        (f"`rawmill-{facts.environment}-{name.lower()}`", _OWNS[name], str(kinds.total()), "yes" if protected else "no")
        for name, (protected, kinds) in facts.stacks.items()
    ]
    return table(("stack", "owns", "resources", "protected from deletion"), rows)


def queues(facts: PlatformFacts) -> str:
    """Queues: how long a message is one worker's, how often it is tried, and where it goes then."""
    rows = [
        (
            queue.name,
            queue.stack,
            f"{queue.visibility_s} s" if queue.visibility_s else "",
            str(queue.tries or ""),
            f"{queue.kept_days} days",
            queue.dead_letters,
        )
        for queue in facts.queues
    ]
    return table(("queue", "stack", "visibility", "tries", "kept", "then to"), rows)


def scaling(facts: PlatformFacts) -> str:
    """What decides how many tasks there are."""
    return table(("what", "bounds", "kept at, or started"), facts.scaling)


def alarms(facts: PlatformFacts) -> str:
    """What rings, what it means, and what to open."""
    rows = [
        (f"`{alarm.name}`", alarm.hurts, f"[{alarm.runbook.rpartition('/')[2]}]({alarm.runbook})")
        for alarm in facts.alarms
    ]
    return table(("alarm", "what users see", "runbook"), rows)
