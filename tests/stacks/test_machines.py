"""Machines: what an instance type has, and how many images fit into it."""

import pytest

from processor import cost
from processor.types import DecodePath
from stacks import machines
from stacks.machines import (
    FARGATE_GIB,
    MIB,
    Architecture,
    Machine,
    known_machine,
    machine_of,
    process_bytes,
    worker_on,
    worker_on_fargate,
)


@pytest.mark.parametrize(
    ("instance_type", "vcpus", "gib", "architecture"),
    [
        ("t3.small", 2, 2, Architecture.X86_64),
        ("t4g.medium", 2, 4, Architecture.ARM64),
        ("c7i.2xlarge", 8, 16, Architecture.X86_64),
        ("c7g.2xlarge", 8, 16, Architecture.ARM64),
        ("m7i.large", 2, 8, Architecture.X86_64),
        ("r8g.24xlarge", 96, 768, Architecture.ARM64),
    ],
)
def test_a_machine_is_what_its_type_is_sold_as(
    instance_type: str, vcpus: int, gib: int, architecture: Architecture
) -> None:
    machine = known_machine(instance_type)
    assert (machine.vcpus, machine.memory_mib, machine.architecture) == (vcpus, gib * 1024, architecture)


@pytest.mark.parametrize(
    "instance_type", ["p5.48xlarge", "c7i.nano", "t3.8xlarge", "c7g.24xlarge", "c7i", "", "c4.large"]
)
def test_a_type_that_is_none_of_ours_is_not_guessed_at(instance_type: str) -> None:
    assert machine_of(instance_type) is None
    with pytest.raises(ValueError, match=r"instance type '.*': allowed a type of the families t3"):
        known_machine(instance_type)


def test_the_memory_model_is_the_processor_s() -> None:
    """Numbers are written here anew, because `stacks` imports nothing of the processor: they must not drift apart."""
    dearest = max(rate.bytes_per_px for rate in cost._DECODE.values())
    assert machines.PROCESS_BASE_BYTES == cost.BASELINE_BYTES
    assert machines.PROCESS_BYTES_PER_PX == dearest == cost._DECODE[DecodePath.AHD].bytes_per_px
    # Renditions are never larger than the original, and never dearer than developing it.
    assert dearest >= cost.RENDITION_BYTES_PER_PX


@pytest.mark.parametrize("instance_type", ["c7i.large", "c7g.xlarge", "c7i.2xlarge", "m7i.4xlarge", "r7g.large"])
@pytest.mark.parametrize("max_megapixels", [24, 60, 110, 250, 500])
def test_all_processes_hold_their_largest_image_at_once_in_what_the_instance_has(
    instance_type: str, max_megapixels: int
) -> None:
    machine = known_machine(instance_type)
    worker = worker_on(machine, max_megapixels=max_megapixels)
    assert worker.processes * process_bytes(max_megapixels) <= worker.processing_bytes
    assert worker.memory_mib < machine.memory_mib
    assert worker.processes <= machine.vcpus


def test_a_worker_has_a_process_per_processor_as_far_as_memory_goes() -> None:
    roomy, tight = (known_machine(name) for name in ("m7i.xlarge", "c7i.xlarge"))
    assert worker_on(roomy, max_megapixels=150).processes == 4
    assert worker_on(tight, max_megapixels=150).processes == 3


def test_an_instance_below_one_process_s_need_holds_none() -> None:
    assert worker_on(known_machine("t3.small"), max_megapixels=110).processes == 0
    assert worker_on(known_machine("t3.nano"), max_megapixels=1).processes == 0


def test_the_system_and_its_agents_keep_enough_of_a_small_and_of_a_large_instance() -> None:
    for memory_mib in (2048, 16_384, 786_432):
        machine = Machine(instance_type="any", vcpus=2, memory_mib=memory_mib, architecture=Architecture.X86_64)
        kept = memory_mib - machine.task_mib
        assert 256 + memory_mib * 0.05 < kept < 256 + memory_mib * 0.07


@pytest.mark.parametrize("vcpus", FARGATE_GIB)
@pytest.mark.parametrize("max_megapixels", [24, 110, 500])
def test_a_fargate_task_is_the_smallest_that_fargate_offers_for_a_process_per_processor(
    vcpus: int, max_megapixels: int
) -> None:
    worker = worker_on_fargate(vcpus, max_megapixels=max_megapixels)
    gib = worker.memory_mib // 1024
    assert worker.cpu_units == vcpus * 1024
    assert gib in FARGATE_GIB[vcpus]
    assert worker.processes == vcpus
    assert worker.processes * process_bytes(max_megapixels) <= worker.processing_bytes
    smaller = [offer for offer in FARGATE_GIB[vcpus] if offer < gib]
    wanted = machines.CONSUMER_BYTES + vcpus * process_bytes(max_megapixels)
    assert not any(offer * 1024 * MIB >= wanted for offer in smaller)


@pytest.mark.parametrize(
    ("vcpus", "max_megapixels", "gib"), [(1, 24, 2), (2, 110, 4), (4, 110, 8), (8, 110, 16), (8, 150, 20), (16, 24, 32)]
)
def test_fargate_s_offers_are_those_that_aws_lists(vcpus: int, max_megapixels: int, gib: int) -> None:
    assert worker_on_fargate(vcpus, max_megapixels=max_megapixels).memory_mib == gib * 1024
