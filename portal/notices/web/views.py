"""The pages of notices."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import ListView, View

from portal.foundation.policies import require
from portal.foundation.web import FormPage, ListPage, ObjectMixin
from portal.notices.filtersets import NoticeFilter
from portal.notices.selectors import (
    mail_choices,
    mail_standing,
    notices_visible_to,
    unread_count,
    waiting_mail,
)
from portal.notices.services.choices import mail_choices_save
from portal.notices.services.notices import notice_read, notices_read_all
from portal.notices.services.waiting import mail_retry
from portal.notices.web.forms import MailChoicesForm
from portal.people.web.own import tabs


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


class NoticeSettings(FormPage):
    """By which group of kinds one is mailed, and when."""

    template_name = "notices/notice_settings.html"
    form_class = MailChoicesForm
    title = gettext_lazy("What you are told")

    def get_initial(self) -> dict[str, Any]:
        return dict(mail_choices(self.request.user))

    def page_context(self) -> dict[str, Any]:
        return {"tabs": tabs("notice_settings")}

    def act(self, form: MailChoicesForm) -> str:
        mail_choices_save(actor=self.request.user, choices=form.cleaned_data)  # type: ignore[arg-type]
        messages.success(self.request, _("Your settings were saved."))
        return "notice_settings"


class WaitingMail(LoginRequiredMixin, ListView):  # type: ignore[type-arg]
    """What isn't sent yet, and why. POST tries all of it now."""

    template_name = "notices/waiting_mail.html"
    paginate_by = 25

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            require(request.user, "notices.see_waiting_mail", message=_("Only admins see this."))
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        return waiting_mail()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(title=_("Mail that waits"), standing=mail_standing(), **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        count = mail_retry(actor=request.user)  # type: ignore[arg-type]
        messages.success(
            request,
            ngettext("%(count)s mail is tried again now.", "%(count)s mails are tried again now.", count)
            % {"count": count},
        )
        return redirect("waiting_mail")
