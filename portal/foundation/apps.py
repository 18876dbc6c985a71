from django.apps import AppConfig
from django.db.models import fields
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class FoundationConfig(AppConfig):
    name = "portal.foundation"
    label = "foundation"

    def ready(self) -> None:
        # Django's own label isn't translated into Urdu.
        fields.BLANK_CHOICE_LABEL = _("Choose")
        # Rooms register their rules and their outbox handlers by being imported.
        autodiscover_modules("policies", "handlers")
