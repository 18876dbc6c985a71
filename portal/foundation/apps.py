from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class FoundationConfig(AppConfig):
    name = "portal.foundation"
    label = "foundation"

    def ready(self) -> None:
        # Rooms register their rules and their outbox handlers by being imported.
        autodiscover_modules("policies", "handlers")
