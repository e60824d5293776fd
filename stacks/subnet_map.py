"""The subnet map of an environment: tiers by zones, and the zone whose NAT gateway each zone leaves through."""

from ipaddress import IPv4Network

from stacks.firewall.network_acl import Addresses, ZoneLetter
from stacks.settings import NatMode, NetworkSettings
from stacks.traffic import Tier


def zone_names(network: NetworkSettings) -> dict[ZoneLetter, str]:
    """Zones by their letter, in the order of the alphabet. Everything in a zone is named after the letter."""
    return {zone[-1]: zone for zone in sorted(network.zones)}


def addresses_of(network: NetworkSettings) -> Addresses:
    """The block of every subnet: tier, then zone letter."""
    blocks: dict[Tier, dict[ZoneLetter, IPv4Network]] = {tier: {} for tier in Tier}
    for letter, name in zone_names(network).items():
        zone = network.zones[name]
        blocks[Tier.PUBLIC][letter] = zone.public
        blocks[Tier.APP][letter] = zone.private_app
        blocks[Tier.DB][letter] = zone.private_db
    return blocks


def nat_of(network: NetworkSettings) -> dict[ZoneLetter, ZoneLetter]:
    """For each zone, the zone whose NAT gateway it uses: its own, or the first zone's when there is but one."""
    letters = list(zone_names(network))
    if network.nat is NatMode.SINGLE:
        return dict.fromkeys(letters, letters[0])
    return {letter: letter for letter in letters}
