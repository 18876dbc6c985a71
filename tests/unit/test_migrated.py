"""The name of the kept database tells whether it would be migrated alike."""

import re
from pathlib import Path

from django.apps import apps

from tests.migrated import HOUSE, sources

IMPORT = re.compile(
    r"^from ((?:portal|datacenters|allocations|scheduler_bridge)[\w.]*) import (\w+)", re.MULTILINE
)


def test_what_migrations_seed_with_counts():
    counted = {file for app in apps.get_app_configs() for file in sources(Path(app.path)).values()}
    migrations = [file for file in counted if file.parent.name == "migrations" and file.is_relative_to(HOUSE)]
    used = {found for file in migrations for found in IMPORT.findall(file.read_text())}
    modules = {path for module, name in used if (path := module_of(module, name)) is not None}
    assert HOUSE / "allocations/programme/seeding.py" in modules
    assert modules <= counted


def module_of(module: str, name: str) -> Path | None:
    """The file of `from module import name`; None for a package's own names."""
    folder = HOUSE / module.replace(".", "/")
    return next((file for file in (folder / f"{name}.py", folder.with_suffix(".py")) if file.is_file()), None)
