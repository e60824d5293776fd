"""A decoder that is in somebody else's hands: what it is refused, and that the work of others goes on."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from processor.batch import BatchOptions, run_batch
from processor.errors import NeedsMemory, ReasonCode
from processor.isolation import landlock, messages, sandbox, seccomp, syscalls
from processor.isolation.client import Decoder, DecoderServer, DecodingFailed
from processor.isolation.messages import Opening
from processor.licences import Licences
from processor.limits import Limits
from processor.recipe import Recipe, Rendition
from processor.result import ImageResult, Status
from tests.processor.conftest import MakeDng
from tests.waiting import wait_until

INTRUDER = "tests.processor.isolation.intruder:develop"
FAKE = "tests.processor.batch.fakes:develop"
SECRET = "hunter2hunter2"  # noqa: S105 - a made-up one

pytestmark = pytest.mark.skipif(not sandbox.protection().whole, reason=str(sandbox.protection().missing))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecoderServer]:
    """One that was started by a process full of secrets."""
    os.environ["AWS_SECRET_ACCESS_KEY"] = SECRET
    os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = f"/v2/{SECRET}"
    try:
        with DecoderServer(tmp_path_factory.mktemp("s")) as server:
            assert server.wait_ready(120)
            yield server
    finally:
        del os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]


OpenDecoder = Callable[..., Decoder]


@pytest.fixture
def decoder(server: DecoderServer, tmp_path: Path) -> Iterator[OpenDecoder]:
    """Opens decoders of one customer: `mine` to read, `out` to write."""
    recipe = tmp_path / "recipe.json"
    recipe.write_text(Recipe(renditions=(Rendition(name="thumb", long_edge_px=64),)).model_dump_json())
    for name in ("mine", "out", "others"):
        (tmp_path / name).mkdir()
    (tmp_path / "others" / "original").write_text("another customer's wedding")
    opened: list[Decoder] = []

    def open_one(function: str = INTRUDER, *, licences: Licences | None = None) -> Decoder:
        opening = Opening(
            function=function,
            recipe_path=recipe,
            readable=(tmp_path / "mine",),
            writable=(tmp_path / "out",),
            log_path=tmp_path / f"log-{len(opened)}",
        )
        opened.append(Decoder(server.address, opening, licences=licences))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def ask(decoder: Decoder, tmp_path: Path, *lines: str, timeout_s: float = 60.0, memory: int | None = None) -> list[str]:
    """What becomes of attempts, in their order."""
    source = tmp_path / "mine" / "original"
    source.write_text("\n".join(lines))
    limits = Limits(timeout_s=timeout_s, memory_bytes=memory)
    made = decoder.develop(source, tmp_path / "out" / "x", stem="image", limits=limits)
    return [answer.partition(": ")[2] for answer in made.result.evidence]


def test_there_is_no_network_of_any_kind(decoder: OpenDecoder, tmp_path: Path) -> None:
    families = [name for name in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK") if hasattr(socket, name)]
    attempts = [*(f"socket {family}" for family in families), "socketpair", "call io_uring_setup"]
    answers = ask(decoder(), tmp_path, *attempts)
    assert answers == ["EPERM"] * (len(families) + 2)


def test_no_program_and_no_process_is_started(decoder: OpenDecoder, tmp_path: Path) -> None:
    answers = ask(decoder(), tmp_path, "exec /bin/sh", "run /bin/true", "fork", "call vfork", "call execveat")
    assert all(answer in {"EPERM", "EAGAIN"} for answer in answers), answers
    assert ask(decoder(), tmp_path, "thread")[0].startswith("RuntimeError")


def test_other_customers_files_and_the_systems_do_not_exist(decoder: OpenDecoder, tmp_path: Path) -> None:
    others = tmp_path / "others" / "original"
    answers = ask(
        decoder(), tmp_path,
        f"read {others}", f"list {tmp_path / 'others'}", f"list {tmp_path}", f"write {others}", f"delete {others}",
        "write /etc/passwd", "read /etc/passwd", "read /proc/self/environ", f"read /proc/{os.getpid()}/environ",
        f"write {tmp_path / 'mine' / 'original'}", f"read {Path.home() / '.bashrc'}", "list /",
        f"rename {others} {tmp_path / 'out' / 'stolen'}", f"hard_link {others} {tmp_path / 'out' / 'stolen'}",
    )  # fmt: skip
    assert set(answers) <= {"EACCES", "EPERM", "EXDEV"}, answers
    assert others.read_text() == "another customer's wedding"
    assert list((tmp_path / "out").iterdir()) == []


def test_no_second_name_is_given_to_a_file(decoder: OpenDecoder, tmp_path: Path) -> None:
    assert ask(decoder(), tmp_path, f"link {tmp_path / 'others'}", "call mknodat") == ["EPERM", "EPERM"]


def test_other_processes_are_neither_read_nor_traced_nor_signalled(decoder: OpenDecoder, tmp_path: Path) -> None:
    me = os.getpid()
    words = ("kill", "own_signals", "trace", "peek")
    assert ask(decoder(), tmp_path, *(f"{word} {me}" for word in words)) == ["EPERM"] * 4


def test_every_refused_call_is_refused_and_unknown_ones_are_not_there(decoder: OpenDecoder, tmp_path: Path) -> None:
    column = 0 if os.uname().machine == "x86_64" else 1
    names = [name for name, numbers in syscalls.REFUSED.items() if numbers[column] is not None]
    answers = ask(decoder(), tmp_path, *(f"call {name}" for name in names))
    assert dict(zip(names, answers, strict=True)) == dict.fromkeys(names, "EPERM")
    assert ask(decoder(), tmp_path, "call clone3", "number 463", "number 9999") == ["ENOSYS"] * 3


def test_no_secret_of_whoever_started_it_is_in_its_environment_or_memory(decoder: OpenDecoder, tmp_path: Path) -> None:
    answers = ask(decoder(), tmp_path, f"environment {SECRET}", "environment AWS", f"memory {SECRET}", "descriptors")
    assert answers == ["found []", "found []", "found 0", "1"], "its line to whoever ordered is all that is open"


def test_files_descriptors_core_dumps_and_processes_are_bounded(decoder: OpenDecoder, tmp_path: Path) -> None:
    answers = ask(decoder(), tmp_path, f"big_file {tmp_path / 'out' / 'big'}", "many_files", "limits")
    assert answers == ["EFBIG", "EMFILE", "0 0"]


def test_what_libraries_need_still_works(decoder: OpenDecoder, tmp_path: Path, make_dng: MakeDng) -> None:
    assert ask(decoder(), tmp_path, "jit") == ["done 42"]
    sample = make_dng(seed=2).path
    (tmp_path / "mine" / "a.dng").write_bytes(sample.read_bytes())
    real = decoder("processor.pipeline:develop")
    for number in range(2):
        made = real.develop(
            tmp_path / "mine" / "a.dng", tmp_path / "out" / str(number), stem="a", limits=Limits(memory_bytes=1 << 30)
        )
        (output,) = made.result.outputs
        assert (tmp_path / "out" / str(number) / output.path).stat().st_size == output.size_bytes


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("segfault", ReasonCode.DECODER_CRASH),
        ("abort", ReasonCode.DECODER_CRASH),
        ("exit 0", ReasonCode.DECODER_CRASH),
        ("bad_alloc", ReasonCode.OUT_OF_MEMORY),
        ("eat_memory", ReasonCode.OUT_OF_MEMORY),
        ("kill_self", ReasonCode.OUT_OF_MEMORY),
        ("raise", ReasonCode.INTERNAL_ERROR),
        ("image_error damaged", ReasonCode.DAMAGED),
    ],
)
def test_a_decoder_that_dies_is_one_images_failure_with_a_reason_and_the_next_one_has_a_decoder(
    decoder: OpenDecoder, tmp_path: Path, script: str, reason: ReasonCode
) -> None:
    one = decoder(FAKE)
    with pytest.raises(DecodingFailed) as caught:
        ask(one, tmp_path, script, memory=256 << 20)
    assert caught.value.reason is reason
    assert ask(one if one.usable else decoder(FAKE), tmp_path, "ok") == []


def test_a_loop_ends_with_its_processor_time(decoder: OpenDecoder, tmp_path: Path) -> None:
    with pytest.raises(DecodingFailed) as caught:
        ask(decoder(), tmp_path, "burn", timeout_s=-4.0)  # five seconds are added
    assert caught.value.reason is ReasonCode.TIMED_OUT


@pytest.mark.parametrize("word", ["lie", "flood"])
def test_answers_that_make_no_sense_end_the_decoder_and_not_whoever_listens(
    decoder: OpenDecoder, tmp_path: Path, word: str
) -> None:
    one = decoder()
    with pytest.raises(DecodingFailed) as caught:
        ask(one, tmp_path, word)
    assert (caught.value.reason, one.usable) == (ReasonCode.DECODER_CRASH, False)
    assert ask(decoder(), tmp_path, "sleep 0") == ["done"]


@pytest.mark.parametrize("number", [b"Infinity", b"NaN", b"1e999"])
def test_a_number_that_is_none_makes_an_answer_nonsense(number: bytes) -> None:
    """No database takes it in JSON: a decoder could keep its image from ever being settled."""
    result = ImageResult(source="a", status=Status.OK, timings={"decode": 0.25})
    line = messages.line_of(messages.developed(result, cpu_s=1.0, peak_bytes=1))
    assert isinstance(messages.parse(line), messages.Developed)
    for honest in (b"0.25", b'"cpu_s":1.0'):
        assert honest in line
        spoilt = number if honest == b"0.25" else b'"cpu_s":' + number
        with pytest.raises(messages.Nonsense):
            messages.parse(line.replace(honest, spoilt))


def test_decoders_that_come_and_go_side_by_side_do_not_disturb_each_other(decoder: OpenDecoder, tmp_path: Path) -> None:
    """Two callers, each with a new decoder for every image: none is lost at its start or blamed for the other's."""
    ends: list[str] = []

    def call(number: int) -> None:
        for turn in range(12):
            source = tmp_path / "mine" / f"{number}-{turn}"
            source.write_text("ok" if turn % 2 else "segfault")
            one = decoder(FAKE)
            try:
                one.develop(source, tmp_path / "out" / source.name, stem="x", limits=Limits())
                ends.append("ok")
            except DecodingFailed as failed:
                ends.append("crashed" if "SIGSEGV" in str(failed) else str(failed))
            finally:
                one.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["crashed"] * 12 + ["ok"] * 12


def test_an_image_that_needs_more_memory_says_so_and_the_decoder_lives(decoder: OpenDecoder, tmp_path: Path) -> None:
    one = decoder(FAKE)
    with pytest.raises(NeedsMemory) as caught:
        ask(one, tmp_path, "needs 900", memory=256 << 20)
    assert caught.value.needed_bytes == 900 << 20
    assert one.usable


def test_a_decoder_ends_with_whoever_ordered_even_while_it_hangs_in_c(
    decoder: OpenDecoder, server: DecoderServer, tmp_path: Path
) -> None:
    one = decoder(FAKE)
    (tmp_path / "mine" / "original").write_text("hang_in_c")
    order = messages.Order.of(tmp_path / "mine" / "original", tmp_path / "out", stem="x", limits=Limits())
    one._connection.sendall(messages.line_of(order))
    family = psutil.Process(server.pid)
    wait_until(lambda: len(family.children()) > 0)
    one.close()
    wait_until(lambda: family.children() == [])


def test_no_decoder_outlives_its_server(tmp_path: Path) -> None:
    with DecoderServer(tmp_path) as server:
        assert server.wait_ready(120)
        opening = Opening(function=FAKE, recipe_path=tmp_path / "none", log_path=tmp_path / "log")
        held = [Decoder(server.address, opening) for _ in range(3)]
        wait_until(lambda: server.alive)
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not any(process.is_running() and process.status() != "zombie" for process in family))
        for one in held:
            with pytest.raises(DecodingFailed):
                one.develop(tmp_path / "x", tmp_path, stem="x", limits=Limits())


def test_a_batch_goes_on_beside_intruders_and_says_when_it_is_not_isolated(tmp_path: Path) -> None:
    """The same walls around the workers of the command line, which live for many images."""
    shoot, secret = tmp_path / "shoot", tmp_path / "secret"
    shoot.mkdir()
    secret.write_text("not yours")
    tries = ("socket AF_INET", "exec /bin/sh", f"read {secret}", f"write {secret}", f"kill {os.getpid()}", "thread")
    for number in range(2):
        (shoot / f"{number}.dng").write_text("\n".join(tries))
    recipe = Recipe(renditions=(Rendition(name="thumb", long_edge_px=64),))
    options = BatchOptions(jobs=2, memory_bytes=2 << 30, function=INTRUDER)
    report = run_batch([shoot], recipe, tmp_path / "out", options)
    for result in report.results:
        assert [answer.partition(": ")[2] for answer in result.evidence] == [
            "EPERM", "EPERM", "EACCES", "EACCES", "EPERM", "done",
        ]  # fmt: skip
    assert report.not_isolated == ()
    (shoot / "0.dng").write_text("socket AF_INET")
    free = BatchOptions(jobs=1, memory_bytes=2 << 30, function=INTRUDER, isolated=False)
    report = run_batch([shoot], recipe, tmp_path / "free", free)
    assert "socket: done" in report.results[0].evidence
    assert report.not_isolated


def test_a_system_without_walls_is_named_and_still_develops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "why_not", lambda: "the kernel offers no system-call filter")
    monkeypatch.setattr(landlock, "why_not", lambda: "the kernel offers no file rules (Landlock)")
    sandbox.protection.cache_clear()
    try:
        found = sandbox.protection()
    finally:
        monkeypatch.undo()
        sandbox.protection.cache_clear()
    assert (found.network, found.programs, found.files, found.limits) == (False, False, False, True)
    assert len(found.missing) == 2
    assert "reach the network" in found.missing[0]


def test_an_unprivileged_user_with_no_new_privileges_is_closed_in_just_the_same() -> None:
    """As in the container: user 10001, no capabilities, no way to gain any."""
    if os.geteuid() != 0:
        pytest.skip("needs to become another user")
    code = (
        "import os, socket\n"
        "from processor.isolation import kernel\n"
        "from processor.isolation.sandbox import Cage, enter\n"
        "os.setgroups([]); os.setgid(10001); os.setuid(10001)\n"
        "kernel.prctl(38, 1); kernel.hide_memory(); enter(Cage())\n"
        "try: socket.socket()\n"
        "except PermissionError: print('closed in')"
    )
    root = Path(sandbox.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "closed in", done.stderr
