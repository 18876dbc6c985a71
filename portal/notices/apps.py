from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "portal.notices"
    label = "notices"

    def ready(self) -> None:
        from portal.notices import handlers  # noqa: F401  registers with the outbox
