"""Before the portal starts, as the role that owns the tables: refuse unsafe settings, migrate, grant.

In one process, since Django takes its time to load. Every step does nothing where it was done before.
"""

import sys
from pathlib import Path

import django
from django.core.management import CommandError, call_command

sys.path.insert(0, str(Path(__file__).parents[3]))


def main() -> int:
    django.setup()
    try:
        call_command("check", deploy=True, tags=["security"], fail_level="WARNING")
        call_command("migrate", interactive=False)
        call_command("grant_app_role")
        call_command("installation_begin")
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
