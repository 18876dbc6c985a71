"""`make messages`: collect the strings to translate into locale/. With --check only tell if that was done."""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import django
import polib
from django.core.management import call_command
from django.test.utils import override_settings

from deploy.local.places import CHECKOUT

CATALOGUE = Path("locale", "ur", "LC_MESSAGES", "django.po")
SHOWN = 10
SOURCES = ("portal", "datacenters", "allocations", "scheduler_bridge", "templates")


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.test")
    django.setup()
    if shutil.which("xgettext") is None:
        print("GNU gettext is missing: install your system's package gettext.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        fresh = collect(Path(scratch))
        changed = strings(fresh) ^ strings(CHECKOUT / CATALOGUE)
        if "--check" not in sys.argv:
            (CHECKOUT / CATALOGUE).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(fresh, CHECKOUT / CATALOGUE)
            print(f"{CATALOGUE}: {len(changed)} strings changed, {untranslated(fresh)} to translate.")
            return 0
    for text in sorted(changed)[:SHOWN]:
        print(f"not in both the code and {CATALOGUE}: {text!r}")
    if len(changed) > SHOWN:
        print(f"… and {len(changed) - SHOWN} more")
    if changed:
        print("Run make messages, and translate what is new.")
    return 1 if changed else 0


def collect(scratch: Path) -> Path:
    """The catalogue as the code and the templates would have it, below `scratch`."""
    for source in SOURCES:
        (scratch / source).symlink_to(CHECKOUT / source)
    catalogue = scratch / CATALOGUE
    catalogue.parent.mkdir(parents=True)
    if (CHECKOUT / CATALOGUE).exists():
        shutil.copy(CHECKOUT / CATALOGUE, catalogue)
    with contextlib.chdir(scratch), override_settings(LOCALE_PATHS=[scratch / "locale"]):
        call_command(
            "makemessages",
            locale=["ur"],
            extensions=["html", "py", "txt"],
            symlinks=True,
            add_location="file",
            no_obsolete=True,
            no_wrap=True,
            verbosity=0,
        )
    return catalogue


def strings(catalogue: Path) -> set[str]:
    """What the catalogue knows, with its context, not counting what is only guessed."""
    entries = _entries(catalogue)
    return {"|".join(filter(None, (entry.msgctxt, entry.msgid))) for entry in entries if not entry.fuzzy}


def untranslated(catalogue: Path) -> int:
    return sum(not entry.translated() for entry in _entries(catalogue))


def _entries(catalogue: Path) -> list[polib.POEntry]:
    if not catalogue.exists():
        return []
    return [entry for entry in polib.pofile(str(catalogue)) if not entry.obsolete]


if __name__ == "__main__":
    sys.exit(main())
