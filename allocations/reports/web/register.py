"""The pages of the public register. They look the same to everybody, signed in or not."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from django_filters.views import FilterView

from allocations.awards.models import Allocation
from allocations.reports.register import statistics
from allocations.reports.register.entries import entries, published, totals
from allocations.reports.register.filters import RegisterFilters
from portal.foundation.throttling import PublicPageMixin


class StatisticsPage(PublicPageMixin, TemplateView):
    """The programme in figures, for everybody."""

    template_name = "register/statistics.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "title": _("The programme in figures"),
            **statistics.figures(),
        }


class RegisterPage(PublicPageMixin, FilterView):
    template_name = "register/register.html"
    filterset_class = RegisterFilters
    paginate_by = 25

    def get_queryset(self) -> QuerySet[Allocation]:
        return published()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        query = self.request.GET.copy()
        query.pop("page", None)
        api_url = f"{reverse('api_register')}?{query.urlencode()}"
        return page | {
            "title": _("Register of awards"),
            "rows": entries(page["page_obj"].object_list),
            "totals": totals(page["filter"].qs),
            "api_url": api_url.rstrip("?"),
            "csv_url": f"{api_url}{'&' if query else ''}format=csv",
        }
