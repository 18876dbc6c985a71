"""Bring the database and the generated files up to date with the code, as the owner of the database."""

import hashlib
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def main() -> None:
    django.setup()
    call_command("migrate", interactive=False, verbosity=1)
    call_command("grant_app_role")
    call_command("installation_begin")
    call_command("compile_translations")
    collect_static()
    if settings.DEMO_MODE:
        call_command("demo_seed")


def collect_static() -> None:
    """Collect and compress static files, which takes seconds, unless none has changed since last time."""
    stamp = Path(settings.STATIC_ROOT) / ".sources"
    sources = static_sources()
    if stamp.exists() and stamp.read_text() == sources:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=1)
    stamp.write_text(sources)


def static_sources() -> str:
    """A digest of the name, size and time of every static file."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            entry = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{entry.st_size}\0{entry.st_mtime_ns}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
