"""The first page: what needs me today; for visitors, what this is."""

from typing import Any

from django.views.generic import TemplateView


class Home(TemplateView):
    template_name = "web/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs)
