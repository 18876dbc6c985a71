from django.apps import AppConfig


class QuotasConfig(AppConfig):
    name = "allocations.awards.quotas"
    label = "quotas"
