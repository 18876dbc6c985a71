"""Who reviews: what they know, and how much they take on."""

from datetime import date

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from allocations.projects.models import Sector
from portal.foundation.codes import CodeField
from portal.foundation.models import Record

MOST_OPEN = 3


class ReviewerProfile(Record):
    """What a reviewer says about themselves. Whoever has said nothing yet takes the defaults."""

    code = CodeField(prefix="rvp")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviewer_profile"
    )
    keywords = ArrayField(
        models.CharField(max_length=60), verbose_name=_("keywords"), default=list, blank=True
    )
    sectors = models.ManyToManyField(Sector, verbose_name=_("sectors"), blank=True, related_name="+")
    most_open = models.PositiveSmallIntegerField(
        _("most reviews at once"),
        default=MOST_OPEN,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
    )
    available_from = models.DateField(_("available from"), null=True, blank=True)
    available_until = models.DateField(_("available until"), null=True, blank=True)

    class Meta:
        verbose_name = _("reviewer profile")
        verbose_name_plural = _("reviewer profiles")
        constraints = [
            models.CheckConstraint(
                name="reviewer_most_open", condition=models.Q(most_open__gte=1, most_open__lte=20)
            ),
            models.CheckConstraint(
                name="reviewer_available",
                condition=models.Q(available_from__isnull=True)
                | models.Q(available_until__isnull=True)
                | models.Q(available_until__gte=models.F("available_from")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)

    def is_available(self, day: date) -> bool:
        """Whether they take reviews on `day`."""
        return not (
            (self.available_from and day < self.available_from)
            or (self.available_until and day > self.available_until)
        )


class ReviewRules(Record):
    """How reviewers are found and how long they are waited for. One row, changed by programme admins."""

    automatic_up_to = models.PositiveSmallIntegerField(
        _("invite without asking where a step needs at most … reviewers"),
        default=1,
        validators=[MaxValueValidator(20)],
        help_text=_("0: a programme admin confirms every proposal."),
    )
    grace_days = models.PositiveSmallIntegerField(
        _("days of grace"),
        default=2,
        validators=[MaxValueValidator(30)],
        help_text=_("So long after its last day a review may still come in; then it expires."),
    )

    class Meta:
        verbose_name = _("rules of review")
        verbose_name_plural = _("rules of review")
        constraints = [models.CheckConstraint(name="review_rules_one", condition=models.Q(pk=1))]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
