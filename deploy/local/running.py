"""The portal that `make run` has running, for commands from another terminal."""

import json
import os

from deploy.local.places import CHECKOUT

ENVIRONMENT = "environment.json"


def join() -> None:
    """Take over the settings of the running portal, if there is one and no others are given."""
    if "TAQSEEM_DB_HOST" in os.environ:
        return
    try:
        settings: dict[str, str] = json.loads((CHECKOUT / ".run" / ENVIRONMENT).read_text())
    except OSError:
        return
    os.environ |= settings
