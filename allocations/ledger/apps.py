from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "allocations.ledger"
    label = "ledger"
