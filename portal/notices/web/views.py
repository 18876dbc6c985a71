"""The pages of notices."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import View

from portal.foundation.web import ListPage, ObjectMixin
from portal.notices.filtersets import NoticeFilter
from portal.notices.selectors import notices_visible_to, unread_count
from portal.notices.services.notices import notice_read, notices_read_all


class NoticeList(ListPage):
    selector = notices_visible_to
    filterset_class = NoticeFilter
    template_name = "notices/notice_list.html"
    title = gettext_lazy("Notices")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(unread=unread_count(self.request.user), **kwargs)


class NoticeOpen(ObjectMixin, View):
    """Follow a notice to what it is about; it counts as read from then on."""

    selector = notices_visible_to
    http_method_names = ["get"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        notice = self.find()
        notice_read(actor=request.user, notice=notice)
        # Our own services wrote the address; a foreign one would be a fault, and leads nowhere.
        return redirect(notice.url if url_has_allowed_host_and_scheme(notice.url, None) else "notices")


class ReadAll(LoginRequiredMixin, View):
    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("notices")

    def post(self, request: HttpRequest) -> HttpResponse:
        count = notices_read_all(actor=request.user)
        messages.success(
            request,
            ngettext("%(count)s notice marked as read.", "%(count)s notices marked as read.", count)
            % {"count": count}
            if count
            else _("There was nothing unread."),
        )
        return redirect("notices")
