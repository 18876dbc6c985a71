from django.apps import AppConfig


class AwardsConfig(AppConfig):
    name = "allocations.awards"
    label = "awards"

    def ready(self) -> None:
        from allocations.awards import handlers, policies  # noqa: F401 - they register themselves
        from allocations.awards.quotas.figures import awarded
        from allocations.awards.selectors import visible_to
        from allocations.ledger.policies import register_visibility
        from datacenters.services import register_awarded

        register_visibility(lambda user: visible_to(user).order_by().values("code"))
        register_awarded(awarded)
