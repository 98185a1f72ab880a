"""A process of its own for work that must not share ours: `python -m agents.child <folder>` reads `request.json` there and writes `answer.json`.

For foreign templates and functions, which may be endless or greedy, and for analyses, which keep a core busy for long and cannot be interrupted.

It limits itself before it does anything, ends when its standard input closes (who started it is gone), and answers with one of
`{"value": …}` or `{"error": "<sentence>"}`.
"""

import json
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from models.errors import ArbiterError

Report = Callable[[float | None, str], None]  # how far the work is, 0 to 1, and what is being done


def main(desk: Path) -> None:
    """Answer the one request of the folder."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    request = json.loads((desk / "request.json").read_bytes())
    _limit(**request["limits"])
    _write(desk / "answer.json", _answer(request, lambda fraction, stage: _write(desk / "progress.json", {"fraction": fraction, "stage": stage})))


def _write(path: Path, value: object) -> None:
    """Write JSON so that a reader finds the old or the new content, never half of it."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")
    draft.rename(path)


def _end_with_parent() -> None:
    """Wait for the end of standard input, then end the whole process group, grandchildren included."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _limit(*, memory_bytes: int, file_bytes: int, cpu_s: int) -> None:
    for what, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _answer(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """Do what is asked. This is where foreign code ends, so every error becomes an answer: it is the failure that the attempt records."""
    try:
        value = _DOES[request["do"]](request, report)
        json.dumps(value, allow_nan=False)
    except ArbiterError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": f"more than the limit of {request['limits']['memory_bytes'] >> 20} MiB of memory is needed"}
    except Exception as error:  # noqa: BLE001 - see above
        return {"error": _last_line(error)}
    return {"value": value}


def _last_line(error: BaseException) -> str:
    """Return an error's last line, with the place in foreign code where it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return traceback.format_exception_only(error)[-1].strip() + place


def _analyse(request: dict[str, Any], report: Report) -> object:
    return import_module("agents.study").analyse(request, report)


def _generate(request: dict[str, Any], _: Report) -> object:
    return import_module("agents.document").render(request)


def _python(request: dict[str, Any], _: Report) -> object:
    return import_module("agents.python").call(request)


_DOES: Final[dict[str, Callable[[dict[str, Any], Report], object]]] = {"analyse": _analyse, "generate": _generate, "python": _python}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
