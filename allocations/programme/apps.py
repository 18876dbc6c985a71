from django.apps import AppConfig


class ProgrammeConfig(AppConfig):
    name = "allocations.programme"
    label = "programme"

    def ready(self) -> None:
        from allocations.programme import policies  # noqa: F401 - it registers its rules
