"""Give the first admin their role: afterwards roles are given on the page “People”."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.foundation.errors import DomainError
from portal.people.models import ProgrammeRole, User
from portal.people.services.roles import role_grant


class Command(BaseCommand):
    help = "Grant a programme-wide role to somebody who has signed up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("role", choices=ProgrammeRole.Role.values)
        parser.add_argument("--reason", default="granted at the command line")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None:
            raise CommandError(f"Nobody has signed up as {options['email']}.")
        try:
            role_grant(actor=None, user=user, role=options["role"], reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.text) from error
        self.stdout.write(f"{user.email} has the role {options['role']}.")
