from django.apps import AppConfig


class LifecycleConfig(AppConfig):
    name = "allocations.lifecycle"
    label = "lifecycle"
