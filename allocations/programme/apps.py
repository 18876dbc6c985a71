from django.apps import AppConfig


class ProgrammeConfig(AppConfig):
    name = "allocations.programme"
    label = "programme"

    def ready(self) -> None:
        from allocations.programme import handlers, policies  # noqa: F401 - they register themselves
        from allocations.programme.services import rules  # noqa: F401 - the kinds of steps
