"""Deputies: who stands in for me, for whom I stand in."""

from typing import Any

from django.contrib import messages
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.foundation.policies import allowed, require
from portal.foundation.web import ActionView, FormPage, ListPage
from portal.people.filtersets import DeputyFilter
from portal.people.models import Deputy
from portal.people.selectors import deputies_visible_to
from portal.people.services.deputies import deputy_end, deputy_name
from portal.people.web.forms import DeputyForm
from portal.people.web.own import tabs


class DeputyList(ListPage):
    selector = deputies_visible_to
    filterset_class = DeputyFilter
    template_name = "people/deputy_list.html"
    title = gettext_lazy("Deputies")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        return super().get_context_data(
            tabs=tabs("deputies"),
            may_name=allowed(user, "people.name_deputy"),
            may_end_all=allowed(user, "people.administer"),
            **kwargs,
        )


class DeputyName(FormPage):
    form_class = DeputyForm
    title = gettext_lazy("Name a deputy")
    submit_label = gettext_lazy("Name the deputy")

    def prepare(self) -> None:
        message = _("Only people who decide something can name a deputy: you have no such role.")
        require(self.request.user, "people.name_deputy", message=message)

    def page_context(self) -> dict[str, Any]:
        href = reverse("deputies")
        lede = _("They may decide in your place on these days. You keep your own seat.")
        return {"crumbs": [{"label": _("Deputies"), "href": href}], "back_url": href, "lede": lede}

    def act(self, form: DeputyForm) -> Deputy:
        row = deputy_name(actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, _("%(person)s was told.") % {"person": row.deputy})
        return row


class DeputyEnd(ActionView):
    selector = deputies_visible_to

    def act(self, target: Deputy) -> str:
        deputy_end(actor=self.request.user, deputy=target)
        return _("Ended. Both were told.")
