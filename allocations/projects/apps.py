from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "allocations.projects"
    label = "projects"
