from django.apps import AppConfig


class LifecycleConfig(AppConfig):
    name = "allocations.lifecycle"
    label = "lifecycle"

    def ready(self) -> None:
        from allocations.lifecycle import (  # noqa: F401 - they register themselves
            handlers,
            obstacles,
            policies,
            reclaim_policies,
        )
