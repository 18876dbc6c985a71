from django.apps import AppConfig


class FoundationConfig(AppConfig):
    name = "portal.foundation"
    label = "foundation"
