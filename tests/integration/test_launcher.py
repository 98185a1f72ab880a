"""`./arbiter` in a small checkout of its own: real sh, real Python, real pip, no network."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from store.settings import PROJECT

pytestmark = pytest.mark.slow

BACKEND = '''
"""Builds the small project: an `arbiter` command that tells its arguments and the version of what the lock names."""
import zipfile, pathlib
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "arbiter-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("arbiter_small.py", "import sys, locked\\n\\ndef main():\\n    print(locked.VERSION, *sys.argv[1:])\\n    return 7\\n")
        wheel.writestr("arbiter-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: arbiter\\nVersion: 1.0\\n")
        wheel.writestr("arbiter-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("arbiter-1.0.dist-info/entry_points.txt", "[console_scripts]\\narbiter = arbiter_small:main\\n")
        wheel.writestr("arbiter-1.0.dist-info/RECORD", "")
    return name
'''
TOOLS = ("sh", "dirname", "cat", "cksum", "ln", "mv", "rm", "readlink", "sleep", "id")


@pytest.fixture
def checkout(folder):
    """A checkout with the real launcher, a lock that names one local wheel, and a project that pip can install."""
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    shutil.copy(PROJECT / "arbiter", folder / "arbiter")
    lock(folder, "1.0")
    return folder


def lock(folder: Path, version: str) -> None:
    wheel = folder / f"locked-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr("locked.py", f"VERSION = {version!r}\n")
        content.writestr(f"locked-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: locked\nVersion: {version}\n")
        content.writestr(f"locked-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        content.writestr(f"locked-{version}.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "requirements.lock").write_text(f"locked @ file://{wheel} --hash=sha256:{digest}\n")


def start(folder: Path, *arguments: str, python: str | None = sys.executable, path: str | None = None) -> subprocess.Popen[str]:
    env = {"PATH": path or os.environ["PATH"], "HOME": str(folder), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    if python:
        env["ARBITER_PYTHON"] = python
    command = ["sh", str(folder / "arbiter"), *arguments]
    return subprocess.Popen(command, env=env, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def run(folder: Path, *arguments: str, **how) -> tuple[int, str, str]:
    with start(folder, *arguments, **how) as process:
        out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def tools(folder: Path, **programs: str) -> str:
    """Return a PATH that has the tools of POSIX and the given scripts, and nothing else."""
    place = folder / "tools"
    place.mkdir()
    for name in TOOLS:
        (place / name).symlink_to(shutil.which(name))
    for name, text in programs.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    return str(place)


def test_the_launcher_is_plain_posix_sh():
    assert subprocess.run(["dash", "-n", str(PROJECT / "arbiter")], check=False).returncode == 0


def test_without_python_it_says_so_in_one_sentence(checkout):
    code, out, err = run(checkout, python=None, path=tools(checkout))
    assert (code, out) == (3, "")
    assert err.startswith("arbiter: Python 3.11 or later is needed: install it")
    assert len(err.splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_with_an_old_python_it_says_so_in_one_sentence(checkout):
    old = "#!/bin/sh\nexit 1\n"  # what `sys.exit(sys.version_info < (3, 11))` answers in 3.10
    code, _, err = run(checkout, python=None, path=tools(checkout, python3=old, python=old))
    assert code == 3
    assert err.startswith("arbiter: Python 3.11 or later is needed")
    assert len(err.splitlines()) == 1


def test_it_installs_once_and_again_only_when_the_lock_changed(checkout):
    code, out, err = run(checkout, "task", "a b", "*")
    assert (code, out) == (7, "1.0 task a b *\n")
    assert "✓ installed" in err
    assert run(checkout, "x") == (7, "1.0 x\n", "")
    lock(checkout, "2.0")
    code, out, err = run(checkout)
    assert (code, out) == (7, "2.0\n")
    assert "✓ installed" in err
    assert not list(checkout.glob(".venv.lock*"))


def test_a_wheel_with_another_hash_is_refused(checkout):
    lock_file = checkout / "requirements.lock"
    head, digest = lock_file.read_text().strip().split("sha256:")
    lock_file.write_text(f"{head}sha256:{digest[::-1]}\n")
    code, _, err = run(checkout)
    assert code == 3
    assert "DO NOT MATCH THE HASHES" in err
    assert err.rstrip().endswith("./arbiter goes on where it stopped")
    assert not (checkout / ".venv" / "arbiter-installed").exists()


def test_two_starts_at_once_install_once(checkout):
    with start(checkout, "a") as first, start(checkout, "b") as second:
        answers = [process.communicate(timeout=240) for process in (first, second)]
    assert [out for out, _ in answers] == ["1.0 a\n", "1.0 b\n"]
    assert "".join(err for _, err in answers).count("✓ installed") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_start_that_was_interrupted_is_made_good_by_the_next(checkout, how):
    with start(checkout) as process:
        until((checkout / ".venv" / "bin" / "python").exists)
        os.killpg(process.pid, how)
        process.communicate(timeout=60)
    assert not (checkout / ".venv" / "arbiter-installed").exists()
    assert run(checkout, "x")[:2] == (7, "1.0 x\n")


def until(done) -> None:
    ends = time.monotonic() + 120
    while not done():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.01)
