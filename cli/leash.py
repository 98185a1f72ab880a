"""The leash: a small process around the supervisor, so that nothing stays behind however it ends.

`arbiter up` forks. The outer process does nothing but wait; the inner one is the supervisor. When the supervisor is killed, the outer process
inherits all that it had started (Linux: subreaper) and ends it. When the outer process is killed, the supervisor notices within half a second and
stops in order. Only if both are killed at once something stays; the next start finds it by `run/services.json`.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

import psutil

from cli import processes

PR_SET_CHILD_SUBREAPER = 36


def leashed(work: Callable[[], int]) -> int:
    """Run `work` in an inner process and return its exit code; afterwards no descendant of this process is left."""
    inherit_orphans()
    inner = os.fork()
    if inner == 0:
        os.setpgid(0, 0)  # the terminal's Ctrl-C comes to the outer process, which passes it on once
        os._exit(_code_of(work))
    _pass_on_signals(inner)
    code = _wait_for(inner)
    processes.end(processes.descendants(os.getpid()), grace_s=3)
    _bury_all()
    return code


def inherit_orphans() -> None:
    """Become the parent of descendants whose parent died. Only Linux can; elsewhere `run/services.json` must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def is_cut(outer: int) -> bool:
    """Tell whether the outer process is gone."""
    return os.getppid() != outer


def _code_of(work: Callable[[], int]) -> int:
    try:
        return work()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last frame of this process: shown, and told by the exit code
        sys.excepthook(*sys.exc_info())
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _pass_on_signals(inner: int) -> None:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(inner, signal.SIGTERM if number == signal.SIGHUP else number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)


def _wait_for(inner: int) -> int:
    """Bury every child until the inner one ended; return its exit code, or 128 and the signal that killed it."""
    while True:
        pid, status = os.wait()
        if pid == inner:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _bury_all() -> None:
    with contextlib.suppress(ChildProcessError, psutil.NoSuchProcess):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
