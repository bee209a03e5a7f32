"""Passwords of one data folder, made once and kept in a file that only its owner can read."""

import json
import os
import secrets
from pathlib import Path


class SecretFile:
    """A JSON object of random strings by name, mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> str:
        """The secret of that name, 32 random bytes in URL-safe base64, made at the first call."""
        known: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(32)
            self._write(known)
        return known[name]

    def _write(self, known: dict[str, str]) -> None:
        write_private(self._path, json.dumps(known, indent=1))


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically by one of mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
