"""`make messages`: collect the strings to translate into locale/. With --check only tell if that was done."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import django
import polib
from django.conf import settings
from django.core.management import call_command
from django.test.utils import override_settings

from deploy.local.places import CHECKOUT

CATALOGUE = Path("ur", "LC_MESSAGES", "django.po")
NOT_OURS = ["deploy/*", "bench/*", "tests/*", "docs/*", "static/*"]


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.test")
    os.chdir(CHECKOUT)
    django.setup()
    if shutil.which("xgettext") is None:
        print("GNU gettext is missing: install your system's package gettext.", file=sys.stderr)
        return 1
    kept = Path(settings.LOCALE_PATHS[0])
    if "--check" not in sys.argv:
        collect(kept)
        print(f"{kept / CATALOGUE}: {untranslated(kept)} strings to translate.")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch, "locale")
        shutil.copytree(kept, fresh)
        collect(fresh)
        changed = strings(fresh) ^ strings(kept)
    for text in sorted(changed):
        print(f"not in both the code and {kept / CATALOGUE}: {text!r}")
    if changed:
        print("Run make messages, and translate what is new.")
    return 1 if changed else 0


def collect(locale: Path) -> None:
    """Bring the catalogue below `locale` up to date with the code and the templates."""
    (locale / CATALOGUE).parent.mkdir(parents=True, exist_ok=True)
    with override_settings(LOCALE_PATHS=[locale]):
        call_command(
            "makemessages",
            locale=["ur"],
            extensions=["html", "py", "txt"],
            ignore_patterns=NOT_OURS,
            add_location="file",
            no_obsolete=True,
            no_wrap=True,
            verbosity=0,
        )


def strings(locale: Path) -> set[str]:
    """What the catalogue knows, with its context, not counting what is only guessed."""
    entries = _entries(locale)
    return {"|".join(filter(None, (entry.msgctxt, entry.msgid))) for entry in entries if not entry.fuzzy}


def untranslated(locale: Path) -> int:
    return sum(not entry.translated() for entry in _entries(locale))


def _entries(locale: Path) -> list[polib.POEntry]:
    catalogue = locale / CATALOGUE
    if not catalogue.exists():
        return []
    return [entry for entry in polib.pofile(str(catalogue)) if not entry.obsolete]


if __name__ == "__main__":
    sys.exit(main())
