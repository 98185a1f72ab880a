"""The kind `shell`: a command in a sandbox."""

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.given import inside
from agents.process import PATH, Limits, run

SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")  # programs and libraries
SYSTEM_FILES: Final = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/ssl/certs", "/etc/magic", "/etc/mime.types")
TMP_BYTES: Final = 256 << 20  # of memory, for temporary files
OUTPUTS_MOST: Final = 1000
PROCESSES_MOST: Final = 512  # not enforced by the kernel when Arbiter runs as root


def _text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _relative(pattern: str) -> str:
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        message = "name files below the working folder, without a leading / and without .."
        raise ValueError(message)
    return pattern


Word = Annotated[str, BeforeValidator(_text), Field(max_length=100_000, pattern=r"^[^\x00]*$")]
Pattern = Annotated[str, AfterValidator(_relative), Field(min_length=1, max_length=200)]


class ShellInputs(Inputs):
    """Which command, and which files it makes."""

    command: list[Word] = Field(
        min_length=1, max_length=1000, description="program and arguments, no shell in between; a file reference becomes its path"
    )
    stdin: Word | None = Field(None, description="a file reference: what the command reads on standard input; null: nothing")
    outputs: list[Pattern] = Field(
        default=[], max_length=100, description="patterns of files below the working folder to keep, such as `*.csv`; each must match a file"
    )


class Shell(Agent[ShellInputs]):
    """Runs a command in bubblewrap: no network, a read-only system, only its own folder to write in, its own processes, an empty environment.

    `config["visible"]` lists further folders that it may read; `memory_mb` and `file_mb` change the limits (2048 and 1024).
    The value is the exit code, which must be 0, and the ends of both outputs.
    """

    kind = "shell"
    Inputs = ShellInputs

    def unavailable(self) -> str | None:
        """Return what is missing on this machine."""
        missing = [package for program, package in (("bwrap", "bubblewrap"), ("prlimit", "util-linux")) if not shutil.which(program)]
        return f"the sandbox is missing: install {' and '.join(missing)}" if missing else None

    def perform(self, job: Job[ShellInputs], control: Control) -> Result:
        """Run the command and collect its outputs."""
        if why := self.unavailable():
            raise AgentError(why)
        inputs = job.inputs
        control.report(None, f"running {inputs.command[0]}")
        limits = Limits.of(job.config, control, memory_mb=2048)
        command = [*_sandbox(job.folder, job.config.get("visible", ())), "--", *_limited(limits), *inputs.command]
        with Path(inside(job.folder, Path(inputs.stdin)) if inputs.stdin else "/dev/null").open("rb") as stdin:
            finished = run(command, folder=job.folder, control=control, env={"PATH": PATH}, stdin=stdin)
        if finished.code:
            message = f"the command ended with code {finished.code}: {(finished.err or finished.out).strip()[-500:]}"
            raise AgentError(message)
        value = {"code": 0, "stdout": finished.out, "stderr": finished.err}
        return Result(value=value, artifacts=tuple(_collect(job.folder, inputs.outputs)))


def _limited(limits: Limits) -> list[str]:
    """Return the words that limit the command. Inside the sandbox, where its processes are counted apart from the user's others."""
    return [
        "prlimit",
        f"--data={limits.memory_bytes}",
        f"--fsize={limits.file_bytes}",
        f"--cpu={limits.cpu_s}",
        "--core=0",
        f"--nproc={PROCESSES_MOST}",
        "--",
    ]


def _sandbox(folder: Path, visible: Iterable[str]) -> list[str]:
    """Return the words that build the sandbox. The folder has its own path inside, so that the paths of given files hold."""
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(TMP_BYTES), "--tmpfs", "/tmp"]  # noqa: S108 - inside the sandbox
    for path in SYSTEM:
        words += ["--symlink", str(Path(path).readlink()), path] if Path(path).is_symlink() else ["--ro-bind-try", path, path]
    for path in (*SYSTEM_FILES, *visible):
        words += ["--ro-bind-try", path, path]
    given = str(folder / "inputs")
    words += ["--bind", str(folder), str(folder), "--ro-bind-try", given, given, "--chdir", str(folder)]
    for name, text in (("PATH", PATH), ("HOME", str(folder)), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8")):  # noqa: S108 - inside the sandbox
        words += ["--setenv", name, text]
    return words


def _collect(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the files that the patterns match, each once. Raises `AgentError` for a pattern without a file, or a link that leads out."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        files = [path for path in sorted(folder.glob(pattern)) if not path.is_dir()]
        if not files:
            message = f"the command made no file {pattern}"
            raise AgentError(message)
        found |= dict.fromkeys(inside(folder, path) for path in files)
    if len(found) > OUTPUTS_MOST:
        message = f"the command made {len(found)} files; the limit is {OUTPUTS_MOST}"
        raise AgentError(message)
    return list(found)
