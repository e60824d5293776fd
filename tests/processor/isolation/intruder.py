"""What code would try that has taken over a decoder: each word of an original is one attempt, told in the evidence."""

import ctypes
import errno
import mmap
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processor.isolation import kernel, syscalls
from processor.result import ImageResult, Status

Attempt = Callable[[str], str]


def develop(source: Path, recipe: Any, out_dir: Path, *, stem: str, **_given: Any) -> ImageResult:
    """Tries everything that the original's lines say: `word argument`; the evidence has an answer for each."""
    answers = []
    for line in source.read_text().splitlines():
        word, _, argument = line.partition(" ")
        try:
            answers.append(f"{word}: {globals()[f'try_{word}'](argument)}")
        except OSError as error:
            answers.append(f"{word}: {errno.errorcode.get(error.errno or 0, error.errno)}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            answers.append(f"{word}: {type(error).__name__} {error}"[:200])
    return ImageResult(source=str(source), status=Status.OK, evidence=tuple(answers))


def try_socket(family: str) -> str:
    socket.socket(getattr(socket, family))
    return "done"


def try_socketpair(_: str) -> str:
    socket.socketpair()
    return "done"


def try_exec(program: str) -> str:
    os.execv(program, [program])  # noqa: S606 - that is what is tried


def try_run(program: str) -> str:
    subprocess.run([program], check=False)
    return "done"


def try_fork(_: str) -> str:
    if os.fork() == 0:
        os._exit(0)
    return "done"


def try_thread(_: str) -> str:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return "done"


def try_read(path: str) -> str:
    return f"read {len(Path(path).read_bytes())}"


def try_write(path: str) -> str:
    with Path(path).open("ab"):
        return "done"


def try_list(path: str) -> str:
    return f"listed {len(list(Path(path).iterdir()))}"


def try_delete(path: str) -> str:
    Path(path).unlink()
    return "done"


def try_link(path: str) -> str:
    Path("link").symlink_to(path)
    return "done"


def try_hard_link(pair: str) -> str:
    target, _, name = pair.partition(" ")
    os.link(target, name)
    return "done"


def try_rename(pair: str) -> str:
    old, _, new = pair.partition(" ")
    Path(old).rename(new)
    return "done"


def try_kill(pid: str) -> str:
    os.kill(int(pid), 0)
    return "done"


def try_own_signals(pid: str) -> str:
    import fcntl

    reading, _ = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, int(pid))
    return "done"


def try_trace(pid: str) -> str:
    kernel.syscall(syscalls.PROCESSES["ptrace"][_column()] or 0, 16, int(pid), 0, 0)
    return "done"


def try_peek(pid: str) -> str:
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    kernel.syscall(syscalls.PROCESSES["process_vm_readv"][_column()] or 0, int(pid), vector, 1, vector, 1, 0)
    return "done"


def try_call(name: str) -> str:
    number = (syscalls.REFUSED | syscalls.CHECKED)[name][_column()]
    kernel.syscall(number or 0, 0, 0, 0, 0, 0, 0)
    return "done"


def try_number(number: str) -> str:
    kernel.syscall(int(number), 0, 0, 0, 0, 0, 0)
    return "done"


def try_environment(word: str) -> str:
    found = [name for name, value in os.environ.items() if word in value or word in name]
    return f"found {found}"


def try_memory(word: str) -> str:
    """Whether a secret is anywhere in this process's memory, as the C library keeps its first environment."""
    libc = ctypes.CDLL(None)
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    texts = []
    place = 0
    while environ[place]:
        texts.append(environ[place])
        place += 1
    return f"found {sum(word.encode() in (text or b'') for text in texts)}"


def try_descriptors(_: str) -> str:
    """Which descriptors are open beside the three standard ones."""
    found = []
    for descriptor in range(3, 256):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.append(descriptor)
    return f"{len(found)}"


def try_big_file(path: str) -> str:
    with Path(path).open("wb") as file:
        file.truncate(3 << 30)
    return "done"


def try_many_files(_: str) -> str:
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(100_000)]
    return f"done {len(held)}"


def try_limits(_: str) -> str:
    return " ".join(str(resource.getrlimit(which)[1]) for which in (resource.RLIMIT_CORE, resource.RLIMIT_NPROC))


def try_burn(_: str) -> str:
    while True:
        pass


def try_jit(_: str) -> str:
    """What a just-in-time compiler needs, which must go on working."""
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as memory:
        memory[0] = 0xC3
    import numba

    return f"done {numba.njit(lambda x: x + 1)(41)}"


def try_sleep(seconds: str) -> str:
    time.sleep(float(seconds))
    return "done"


def try_lie(_: str) -> str:
    """Answers that no honest decoder gives, on the line to whoever ordered."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b'{"status":"ok","outputs":"everything"}\n')
        except OSError:
            continue
    return "done"


def try_flood(_: str) -> str:
    """Never stops talking."""
    for descriptor in range(3, 64):
        try:
            while True:
                os.write(descriptor, b'{"stage":"read"}\n')
        except OSError:
            continue
    return "done"


def _column() -> int:
    machine = kernel.architecture()
    return 0 if machine is None else machine.column


if sys.platform != "linux":
    raise ImportError("only for Linux")
