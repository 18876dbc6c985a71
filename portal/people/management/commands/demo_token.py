"""Print an API token of a demo user."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from portal.foundation.errors import DomainError
from portal.people.backends import is_demo_address
from portal.people.demo import require_demo_mode
from portal.people.models import ApiToken, User
from portal.people.services.tokens import MOST_TOKENS, token_create, token_revoke

NAME = "demo_token"
DAYS = 90


class Command(BaseCommand):
    help = "Print a new API token of a demo user. Only in demo mode."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="such as researcher@demo.taqseem.test")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_demo_mode()
        except DomainError as error:
            raise CommandError(str(error)) from error
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None or not is_demo_address(user.email):
            raise CommandError(f"There is no demo user {options['email']}. Run `manage.py demo_seed` first.")
        self.stdout.write(issue(user))


@transaction.atomic
def issue(user: User) -> str:
    """A further token; the oldest that this command made gives way once the person has too many."""
    User.objects.select_for_update().get(pk=user.pk)
    made = ApiToken.objects.filter(user=user, name__startswith=NAME).order_by("created")
    if len(made) >= MOST_TOKENS // 2:
        token_revoke(actor=user, token=made[0])
    numbers = {int(token.name.rpartition(" ")[2]) for token in made}
    _, secret = token_create(actor=user, name=f"{NAME} {max(numbers, default=0) + 1}", days=DAYS)
    return secret
