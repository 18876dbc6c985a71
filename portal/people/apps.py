from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "portal.people"
    label = "people"

    def ready(self) -> None:
        from portal.people import policies  # noqa: F401  registers permissions
        from portal.people.api import schema  # noqa: F401  registers with the API's description
