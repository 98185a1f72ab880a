"""Processes that an agent starts: limited, watched, and gone when the attempt ends."""

import contextlib
import json
import math
import os
import secrets
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import psutil

from agents.contract import AgentError, Control

PROJECT: Final = Path(__file__).resolve().parent.parent
PATH: Final = "/usr/local/bin:/usr/bin:/bin"
TAIL_BYTES: Final = 8192  # how much of the end of an output is kept
VALUE_MOST: Final = 65_536  # bytes of JSON that a result may bring
_MARK: Final = "ARBITER_MARK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a process may use at most; its time is the attempt's."""

    memory_bytes: int  # of data, written or not; address space that is only reserved does not count, since V8 and Arrow reserve much
    file_bytes: int  # of each file that it writes
    cpu_s: int

    @classmethod
    def of(cls, config: Mapping[str, Any], control: Control, *, memory_mb: int) -> "Limits":
        """Return the limits that the agent's registry row sets (`memory_mb`, `file_mb`), or the given default.

        CPU time is what four cores have in the time that is left.
        """
        return cls(
            memory_bytes=int(config.get("memory_mb", memory_mb)) << 20,
            file_bytes=int(config.get("file_mb", 1024)) << 20,
            cpu_s=4 * math.ceil(control.remaining_s) + 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a process ended, with the ends of its outputs."""

    code: int  # negative: the signal that killed it
    out: str
    err: str


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    control: Control,
    env: Mapping[str, str],
    stdin: IO[bytes],
    watch: Callable[[], None] = lambda: None,
) -> Finished:
    """Run a command in the folder until it ends, and with it all that it started. Raises `Stopped` when the attempt must stop, after killing them.

    `watch` is called many times a second meanwhile.
    """
    mark = secrets.token_hex(16)
    with subprocess.Popen(  # noqa: S603 - a list of words, no shell
        [str(word) for word in command],
        cwd=folder,
        env={**env, _MARK: mark},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        tails = _Tails(process)
        try:
            while process.poll() is None:
                if control.paused:
                    _pause(process, mark, control)
                control.check()
                watch()
                tails.read(0.05)
        finally:
            _end(process, mark)
            out, err = tails.finish()
    return Finished(code=process.returncode, out=out, err=err)


def in_child(request: Mapping[str, Any], *, folder: Path, control: Control, limits: Limits) -> Any:
    """Let a Python process of its own answer a request (see `agents.child`), and return the answer, which is JSON. Its reports are passed on.

    Raises `AgentError` with the child's own sentence, or with the limit that it met.
    """
    desk = folder / ".child"
    desk.mkdir()
    (desk / "request.json").write_text(json.dumps({**request, "limits": asdict(limits)}), encoding="utf-8")
    env = {"PATH": PATH, "HOME": str(folder), "TMPDIR": str(desk), "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "2"}
    lifeline, held = os.pipe()  # the child ends when this end closes, also when this process is killed
    try:
        with open(lifeline, "rb") as stdin:  # noqa: PTH123 - a file descriptor
            finished = run(
                [sys.executable, "-P", "-m", "agents.child", desk],
                folder=folder,
                control=control,
                env=env,
                stdin=stdin,
                watch=_passing_on(desk / "progress.json", control),
            )
    finally:
        os.close(held)
    return _answer(desk / "answer.json", finished, limits)


def _passing_on(path: Path, control: Control) -> Callable[[], None]:
    """Return a function that passes the child's latest report on, once."""
    last = b""

    def pass_on() -> None:
        nonlocal last
        text = path.read_bytes() if path.is_file() else b""
        if text != last:
            last = text
            control.report(**json.loads(text))

    return pass_on


def _answer(path: Path, finished: Finished, limits: Limits) -> Any:
    if finished.code or not path.is_file():
        raise AgentError(_cause(finished, limits))
    answer = json.loads(path.read_bytes())
    if "error" in answer:
        raise AgentError(answer["error"])
    return answer["value"]


def _cause(finished: Finished, limits: Limits) -> str:
    last = (finished.err.strip().splitlines() or [""])[-1]
    match -finished.code:
        case signal.SIGXCPU:
            return f"the process used more than its {limits.cpu_s} s of CPU time"
        case signal.SIGXFSZ:
            return f"the process wrote a file larger than its limit of {limits.file_bytes >> 20} MiB"
        case number if number > 0:
            return f"the process was killed by {signal.Signals(number).name}; its memory limit is {limits.memory_bytes >> 20} MiB. {last}".rstrip()
    return f"the process ended with code {finished.code}: {last}"


def _pause(process: "subprocess.Popen[bytes]", mark: str, control: Control) -> None:
    """Hold up the process and all that it started until the pause ends or the attempt must stop."""
    pids: set[int] = set()
    try:
        while found := _family(process.pid, mark) - pids:  # what they started meanwhile, too
            for pid in found:
                _signal(pid, signal.SIGSTOP)
            pids |= found
        control.check()
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def _family(pid: int, mark: str) -> set[int]:
    """Return a process and all that it started: its descendants, of which those in a sandbox lack the mark, and those that carry the mark."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True)), *_marked(mark)}
    return set(_marked(mark))


def _end(process: "subprocess.Popen[bytes]", mark: str) -> None:
    """Kill the process, its group, and whatever it started and let go of: those still carry the mark in their environment."""
    with contextlib.suppress(ProcessLookupError):  # the group ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while any([_signal(pid, signal.SIGKILL) for pid in _marked(mark)]):  # noqa: C419 - kill all of a round, then look for what they started meanwhile
        pass


def _marked(mark: str) -> list[int]:
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it ended while we looked, or belongs to somebody else
            if mark.encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
    return found


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


class _Tails:
    """Reads both outputs of a process, so that it never waits for a reader, and keeps the last bytes of each."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._ready = selectors.DefaultSelector()
        self._kept = {}
        for stream in (process.stdout, process.stderr):
            if stream:
                self._kept[stream.fileno()] = b""
                self._ready.register(stream.fileno(), selectors.EVENT_READ)

    def read(self, wait_s: float) -> bool:
        """Wait for output at most so long, take what is there, and return whether there was any."""
        ready = self._ready.select(wait_s)
        for key, _ in ready:
            chunk = os.read(key.fd, 65_536)
            self._kept[key.fd] = (self._kept[key.fd] + chunk)[-TAIL_BYTES:]
            if not chunk:
                self._ready.unregister(key.fd)
        return bool(ready)

    def finish(self) -> list[str]:
        """Take what is still in the pipes (at most a MiB each), and return both ends as text. Nobody is waited for: a pipe may never be closed."""
        for _ in range(32):
            if not self.read(0):
                break
        self._ready.close()
        return [kept.decode("utf-8", errors="replace") for kept in self._kept.values()]
