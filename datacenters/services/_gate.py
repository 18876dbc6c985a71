"""What every change here asks first."""

from typing import Any

from datacenters.models import Site
from portal.foundation import policies
from portal.foundation.errors import InvalidInput


def require_admin(actor: Any) -> None:
    """Raises NotAllowed or SecondFactorNeeded."""
    policies.require(actor, "datacenters.administer")
    policies.require_second_factor(actor)


def require_manager(actor: Any, site: Site) -> None:
    """The site's manager or an admin. Raises NotAllowed or SecondFactorNeeded."""
    policies.require(actor, "datacenters.manage_site", site)
    policies.require_second_factor(actor)


def require_reason(reason: str, message: Any) -> str:
    """The reason without surrounding blanks. Raises InvalidInput where none is left."""
    if not reason.strip():
        raise InvalidInput(message, field="reason")
    return reason.strip()
