from django.apps import AppConfig


class ProgrammeConfig(AppConfig):
    name = "allocations.programme"
    label = "programme"
