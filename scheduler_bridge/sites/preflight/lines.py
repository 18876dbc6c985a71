"""A line of a preflight: which check, how it went, and the parameters of its words."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _


class Result(models.TextChoices):
    PASSED = "passed", _("Passed")
    WARNING = "warning", _("Warning")
    FAILED = "failed", _("Failed")
    UNTRIED = "untried", _("Couldn't be tried")


class Who(models.TextChoices):
    """Who can mend what a line found."""

    SLURM = "slurm", _("The site's Slurm admin")
    NETWORK = "network", _("The site's network")
    OPERATOR = "operator", _("The portal's operators")
    MANAGER = "manager", _("The site's manager")
    NOBODY = "nobody", ""


class Words(NamedTuple):
    """What a finding says, as English message ids with `%(name)s` places."""

    result: Result
    found: str
    remedy: str = ""
    who: Who = Who.NOBODY


@dataclass(frozen=True)
class Line:
    """`code` names the words in the catalogue; `params` are JSON-ready."""

    check: str
    code: str
    params: dict[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        return asdict(self)
