"""Machines that workers and web tasks run on: what an instance type or a Fargate task has, and how many images fit."""

import re
from dataclasses import dataclass
from enum import StrEnum

MIB = 1024 * 1024

PROCESS_BASE_BYTES = 190 * MIB
"""What a process of the processor holds before it opens an original."""

PROCESS_BYTES_PER_PX = 13.2
"""What the dearest way of developing takes for each pixel of the sensor, at its peak."""

CONSUMER_BYTES = 320 * MIB
"""The process that takes messages, moves files and speaks to the database."""


class Architecture(StrEnum):
    """Instruction sets, as ECS spells them in a task definition."""

    X86_64 = "X86_64"
    ARM64 = "ARM64"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One instance type.

    Attributes:
        instance_type: such as `c7i.2xlarge`.
        vcpus: virtual processors.
        memory_mib: what the type is sold with, which is more than a container can have of it.
        architecture: what the container image has to be built for.
    """

    instance_type: str
    vcpus: int
    memory_mib: int
    architecture: Architecture

    @property
    def task_mib(self) -> int:
        """Memory of the one task on it. The kernel, Docker and the agents of ECS and Session Manager need the rest."""
        return int(self.memory_mib * 0.94) - 256


@dataclass(frozen=True, kw_only=True)
class WorkerSize:
    """What one worker task gets, and how many images it develops at a time.

    Attributes:
        cpu_units: 1024 are one virtual processor.
        memory_mib: limit of the whole task.
        processes: children, each with one image.
    """

    cpu_units: int
    memory_mib: int
    processes: int

    @property
    def processing_bytes(self) -> int:
        """What all children together may use."""
        return self.memory_mib * MIB - CONSUMER_BYTES


_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8}
_LARGEST = {"6i": 96, "6a": 96, "6g": 64, "7i": 96, "7a": 96, "7g": 64, "8i": 96, "8g": 96}
"""Generations and makers that exist in all three of compute, general and memory, and their most processors."""

_VCPUS = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
    "24xlarge": 96,
}
_BURSTABLE = ("t3", "t3a", "t4g")
_BURSTABLE_SIZES = {
    "nano": (2, 512),
    "micro": (2, 1024),
    "small": (2, 2048),
    "medium": (2, 4096),
    "large": (2, 8192),
    "xlarge": (4, 16_384),
    "2xlarge": (8, 32_768),
}
KNOWN_TYPES = (
    f"a type of the families {', '.join(_BURSTABLE)} or c, m, r of the generations {', '.join(_LARGEST)}, "
    "such as 'c7i.2xlarge' or 'c7g.2xlarge' (Graviton)"
)
"""What `machine_of` knows, as the end of the sentence 'allowed …'."""


def machine_of(instance_type: str) -> Machine | None:
    """The machine of an instance type, or None when it is none of ours."""
    family, _, size = instance_type.partition(".")
    if family in _BURSTABLE and size in _BURSTABLE_SIZES:
        vcpus, memory_mib = _BURSTABLE_SIZES[size]
        return _machine(instance_type, vcpus, memory_mib, graviton=family.endswith("g"))
    match = re.fullmatch(r"([cmr])(\d[iag])", family)
    if match is None or match[2] not in _LARGEST or _VCPUS.get(size, 1000) > _LARGEST[match[2]]:
        return None
    vcpus = _VCPUS[size]
    return _machine(instance_type, vcpus, vcpus * _GIB_PER_VCPU[match[1]] * 1024, graviton=family.endswith("g"))


def _machine(instance_type: str, vcpus: int, memory_mib: int, *, graviton: bool) -> Machine:
    architecture = Architecture.ARM64 if graviton else Architecture.X86_64
    return Machine(instance_type=instance_type, vcpus=vcpus, memory_mib=memory_mib, architecture=architecture)


def process_bytes(max_megapixels: int) -> int:
    """Memory of one process that develops the largest image."""
    return PROCESS_BASE_BYTES + round(max_megapixels * 1_000_000 * PROCESS_BYTES_PER_PX)


def worker_on(machine: Machine, *, max_megapixels: int) -> WorkerSize:
    """The worker that has an instance to itself: one process per processor, as far as memory goes; maybe none."""
    return _worker(machine.vcpus, machine.task_mib, max_megapixels)


FARGATE_GIB: dict[int, range] = {
    1: range(2, 9),
    2: range(4, 17),
    4: range(8, 31),
    8: range(16, 61, 4),
    16: range(32, 121, 8),
}
"""Memory that Fargate offers, by virtual processors."""


def worker_on_fargate(vcpus: int, *, max_megapixels: int) -> WorkerSize:
    """The smallest Fargate task that holds a process per processor, or the largest when none does."""
    wanted = CONSUMER_BYTES + vcpus * process_bytes(max_megapixels)
    offers = FARGATE_GIB[vcpus]
    gib = next((offer for offer in offers if offer * 1024 * MIB >= wanted), offers[-1])
    return _worker(vcpus, gib * 1024, max_megapixels)


def _worker(vcpus: int, memory_mib: int, max_megapixels: int) -> WorkerSize:
    room = max(0, memory_mib * MIB - CONSUMER_BYTES) // process_bytes(max_megapixels)
    return WorkerSize(cpu_units=vcpus * 1024, memory_mib=memory_mib, processes=min(vcpus, room))


def known_machine(instance_type: str) -> Machine:
    """The machine of an instance type that settings have let through.

    Raises:
        ValueError: it is none of ours.
    """
    machine = machine_of(instance_type)
    if machine is None:
        raise ValueError(f"instance type {instance_type!r}: allowed {KNOWN_TYPES}")
    return machine
