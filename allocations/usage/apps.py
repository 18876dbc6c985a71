from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "allocations.usage"
    label = "usage"
