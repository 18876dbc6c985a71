"""A login. People sign in by e-mail address; what they may do comes from roles and memberships."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record


class UserManager(BaseUserManager["User"]):
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
    def organisation_ids(self) -> frozenset[int]:
        """Ids of the organisations of which this person is a member, read once per request."""
        return frozenset(self.memberships.values_list("organisation_id", flat=True))

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
        for name in ("roles", "organisation_ids", "has_second_factor", "verified_addresses"):
            self.__dict__.pop(name, None)
        super().refresh_from_db(*args, **kwargs)

    def fresh(self) -> "User":
        """The same person with nothing remembered."""
        return User.objects.get(pk=self.pk)
