"""What a service may refuse, and how pages and API tell people: one hierarchy, one shape.

Every error says what is wrong (`message`), where (`field`, when one input is to blame) and what to do
about it (`remedy`). `figures` carries the numbers behind a refusal, so that nobody has to guess.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """Something that the rules of the house refuse. `status` is the HTTP status that tells it."""

    status = 400
    code = "invalid"
    default_message = _("This can't be done.")

    def __init__(
        self,
        message: Any = None,
        *,
        field: str | None = None,
        remedy: Any = "",
        code: str | None = None,
        figures: dict[str, Any] | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.field = field
        self.remedy = remedy
        self.code = code or self.code
        self.figures = figures or {}
        super().__init__(str(self.message))

    @property
    def text(self) -> str:
        """Message and remedy in one paragraph."""
        return f"{self.message} {self.remedy}".strip()


class InvalidInput(DomainError):
    """Input that can't be right; `field` names it."""


class NotAllowed(DomainError):
    """The person may see the thing, but not do this to it."""

    status = 403
    code = "permission_denied"
    default_message = _("You may not do this.")


class SecondFactorNeeded(NotAllowed):
    """Approving and site administration ask for a second factor."""

    code = "second_factor_needed"
    default_message = _("This needs a second factor.")


class NotVisible(DomainError):
    """It doesn't exist, or not for this person: the two look the same from outside."""

    status = 404
    code = "not_found"
    default_message = _("There is no such thing here.")


class IllegalState(DomainError):
    """The thing is in a state in which this can't be done."""

    status = 409
    code = "illegal_state"


class Refused(DomainError):
    """A rule with figures says no: over budget, over capacity, over a site's limits."""

    status = 409
    code = "refused"


class Busy(DomainError):
    """Somebody else holds the rows; trying again in a moment will do."""

    status = 503
    code = "busy"
    default_message = _("This is being changed by somebody else right now. Please try again in a moment.")


class TooMany(DomainError):
    """Tried more often than anybody who isn't guessing would."""

    status = 429
    code = "too_many"
    default_message = _("This was tried too often. Please wait a while.")


class TooLarge(DomainError):
    """More bytes in one body than are taken at once."""

    status = 413
    code = "too_large"
    default_message = _("This is larger than what can be sent at once.")
