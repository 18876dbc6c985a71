"""A login. People sign in by e-mail address; what they may do comes from roles and memberships."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import OuterRef
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.people.models.deputy import Deputy
from portal.people.models.organisation import Membership
from portal.people.models.roles import AuditorScope, ProgrammeRole

# What a person object keeps for the length of a request.
REMEMBERED = (
    "roles",
    "organisation_ids",
    "stands_in_for",
    "principals",
    "has_second_factor",
    "verified_addresses",
)


class UserManager(BaseUserManager["User"]):
    def with_duties(self) -> "models.QuerySet[User]":
        """People with their roles, organisations and principals, in one query: see `User.recall`."""
        me = OuterRef("pk")
        return self.annotate(
            has=ArraySubquery(ProgrammeRole.objects.filter(user=me).values("role")),
            belongs_to=ArraySubquery(Membership.objects.filter(user=me).values("organisation_id")),
            stands_in=ArraySubquery(Deputy.objects.in_force().filter(deputy=me).values("person_id")),
        )

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin, Record):  # type: ignore[django-manager-missing]
    code = CodeField(prefix="usr")
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    language = models.CharField(
        _("language"),
        max_length=5,
        choices=settings.LANGUAGES,
        default="en",
        help_text=_("Mail is written in this language."),
    )
    terms_accepted_at = models.DateTimeField(_("terms accepted"), null=True, blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(
        _("may open the admin"), default=False, help_text=_("For operators of the installation.")
    )

    objects: ClassVar[UserManager] = UserManager()
    # Related managers of libraries without types.
    emailaddress_set: Any
    authenticator_set: Any

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email

    @cached_property
    def roles(self) -> frozenset[str]:
        """Programme-wide roles, read once per request."""
        return frozenset(self.programme_roles.values_list("role", flat=True))

    @cached_property
    def scopes(self) -> "tuple[AuditorScope, ...]":
        """What this person may see as an auditor, read once per request."""
        return tuple(self.auditor_scopes.all()) if ProgrammeRole.Role.AUDITOR in self.roles else ()

    @cached_property
    def organisation_ids(self) -> frozenset[int]:
        """Ids of the organisations of which this person is a member, read once per request."""
        return frozenset(self.memberships.values_list("organisation_id", flat=True))

    @cached_property
    def stands_in_for(self) -> frozenset[int]:
        """Ids of the people for whom this person stands in today, read once per request."""
        return frozenset(Deputy.objects.in_force().filter(deputy=self).values_list("person_id", flat=True))

    @cached_property
    def principals(self) -> "tuple[User, ...]":
        """Those people themselves, their roles known; no query for who stands in for nobody."""
        if not self.stands_in_for:
            return ()
        people = User.objects.with_duties().filter(pk__in=self.stands_in_for, is_active=True)
        return tuple(person.recall() for person in people.order_by("pk"))

    def recall(self) -> "User":
        """Remember what `with_duties` read along with this person."""
        self.roles = frozenset(self.has)  # type: ignore[attr-defined]
        self.organisation_ids = frozenset(self.belongs_to)  # type: ignore[attr-defined]
        self.stands_in_for = frozenset(self.stands_in)  # type: ignore[attr-defined]
        return self

    @cached_property
    def has_second_factor(self) -> bool:
        """Whether an authenticator app or a passkey is set up."""
        return self.authenticator_set.filter(type__in=["totp", "webauthn"]).exists()

    @cached_property
    def verified_addresses(self) -> frozenset[str]:
        """Addresses (lower case) that this person has proved to own."""
        return frozenset(
            address.lower()
            for address in self.emailaddress_set.filter(verified=True).values_list("email", flat=True)
        )

    def get_absolute_url(self) -> str:
        return reverse("person", args=[self.code])

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        for name in REMEMBERED:
            self.__dict__.pop(name, None)
        super().refresh_from_db(*args, **kwargs)

    def fresh(self) -> "User":
        """The same person with nothing remembered."""
        return User.objects.get(pk=self.pk)
