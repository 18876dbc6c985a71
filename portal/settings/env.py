"""Read settings from the environment, with errors that name the variable."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """The variable's value; `NAME_FILE` names a file to read instead (for secrets), and goes first.

    Raises ImproperlyConfigured where neither is set and there is no default, and where the file can't be
    read or is empty.
    """
    if file := os.environ.get(f"{name}_FILE"):
        if secret := _content(name, file):
            return secret
        raise ImproperlyConfigured(f"{name}_FILE names {file}, which is empty: write the secret into it.")
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name} (or {name}_FILE).")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    return text(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def number(name: str, default: int) -> int:
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def lines(name: str) -> list[str]:
    """One value a line, blank lines left out: for secrets, which may hold commas. None need be there."""
    file = os.environ.get(f"{name}_FILE")
    content = _content(name, file) if file else os.environ.get(name, "")
    return [line.strip() for line in content.splitlines() if line.strip()]


def _content(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE names {file}, which can't be read: {error}.") from error
