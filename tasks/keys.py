"""Keys of language models: each is a file that only the house can read. Neither the ledger nor a request to another endpoint ever holds one."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agents.contract import AgentError
from models.errors import Invalid
from store.settings import Settings

KEY_MOST = 4000  # characters


def keep_key(settings: Settings, name: str, key: SecretStr) -> None:
    """Write a key to its file, whole or not at all. Raises `Invalid` for what cannot stand in a header."""
    text = key.get_secret_value()
    if not re.fullmatch(rf"[\x21-\x7e]{{1,{KEY_MOST}}}", text):
        message = f"a key is one word of 1 to {KEY_MOST} plain characters"
        raise Invalid(message)
    path = _path(settings, name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as whole:  # made with mode 0600
        whole.write(text)
        whole.flush()
        os.fsync(whole.fileno())
    Path(whole.name).replace(path)


def load_key(settings: Settings, config: Mapping[str, Any]) -> SecretStr | None:
    """Return the key that an agent's configuration names; null when it names none.

    Raises `AgentError` when its file is not on this machine, or can be read by others.
    """
    if not isinstance(name := config.get("key"), str):
        return None
    path = _path(settings, name)
    try:
        if path.stat().st_mode & 0o077:
            message = f"{path} can be read by others: run `chmod 600 {path}`, and change the key if somebody may have read it"
            raise AgentError(message)
        return SecretStr(path.read_text().strip())
    except FileNotFoundError as error:
        message = f"the key {name} is not on this machine: give it again with `arbiter llm key`"
        raise AgentError(message) from error


def _path(settings: Settings, name: str) -> Path:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", name):
        message = f"{name!r} names no key"
        raise AgentError(message)
    return settings.home / "keys" / "llm" / name
