"""Public codes: short, unguessable names for rows. Integer ids never leave the database."""

import secrets
from typing import Any

from django.db import models

# Crockford's base 32 in lower case: no i, l, o, u, so codes survive being read aloud or retyped.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 10  # 50 random bits


def new_code(prefix: str) -> str:
    """A fresh code such as `prj-7f3k9q2m1x`."""
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


class CodeField(models.CharField):  # type: ignore[type-arg]
    """A row's public code, made on first save. `prefix` says what kind of thing it names."""

    def __init__(self, *, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.setdefault("max_length", 24)
        kwargs["unique"] = True
        kwargs["editable"] = False
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs["prefix"] = self.prefix
        kwargs.pop("unique", None)
        kwargs.pop("editable", None)
        return name, path, args, kwargs

    def get_default(self) -> str:
        return new_code(self.prefix)
