"""Uploading an unbridged site's usage, looking at it, accepting it, and the history."""

import dataclasses
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from portal.foundation.web import ActionView, FormPage, ListPage, ObjectMixin
from scheduler_bridge.models import UsageUpload
from scheduler_bridge.sites.web.tabs import managed_site, tabs_of
from scheduler_bridge.transitions import UploadState
from scheduler_bridge.uploads import files
from scheduler_bridge.uploads.filtersets import UploadsOfSiteFilters
from scheduler_bridge.uploads.judge import Verdict
from scheduler_bridge.uploads.selectors import uploads_visible_to
from scheduler_bridge.uploads.services import usage_accept, usage_discard, usage_upload, verdict_of
from scheduler_bridge.uploads.table import COLUMNS, MOST_BYTES, OPTIONAL, VERSION
from scheduler_bridge.uploads.web.forms import AcceptForm, UploadForm

PER_PAGE = 50
SHOWN = {"new": _("New"), "changed": _("Changed"), "known": _("Known already"), "wrong": _("To be corrected")}


class UploadList(ListPage):
    """The history of a site's uploads."""

    title = _("Uploaded usage")
    template_name = "uploads/upload_list.html"
    selector = uploads_visible_to
    filterset_class = UploadsOfSiteFilters

    def get_queryset(self) -> Any:
        self.site = managed_site(self.request.user, self.kwargs["code"])
        return super().get_queryset().filter(site=self.site)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        return page | {"object": self.site, "tabs": tabs_of(self.site, "site_usage")}


class UploadNew(FormPage):
    template_name = "uploads/upload_new.html"
    form_class = UploadForm
    title = _("Upload usage")
    submit_label = _("Check")

    def prepare(self) -> None:
        self.object = managed_site(self.request.user, self.kwargs["code"])

    def page_context(self) -> dict[str, Any]:
        return {
            "back_url": reverse("site_usage", args=[self.object.code]),
            "version": VERSION,
            "header": ",".join(COLUMNS),
            "optional": ",".join(OPTIONAL),
            "has_key": self.object.usage_keys.filter(revoked_at=None).exists(),
        }

    def act(self, form: UploadForm) -> UsageUpload:
        actor: Any = self.request.user
        content, signature = form.cleaned_data["content"], form.cleaned_data["signature"]
        return usage_upload(
            actor=actor,
            site=self.object,
            filename=content.name,
            content=content.read(MOST_BYTES + 1),
            signature=signature.read(1024),
        )


class UploadPage(ObjectMixin, FormPage):
    """What the rows mean, and accepting them; afterwards the receipt."""

    template_name = "uploads/upload.html"
    selector = uploads_visible_to
    form_class = AcceptForm

    def prepare(self) -> None:
        self.object = self.find()
        waits = self.object.state == UploadState.CHECKED
        self.verdict: Verdict | None = verdict_of(self.object) if waits else None

    def page_context(self) -> dict[str, Any]:
        shown, items = "wrong", self.object.faults
        if self.verdict is not None:
            shown = self._shown(self.verdict)
            items = self.verdict.faults if shown == "wrong" else getattr(self.verdict, shown)
        return {
            "title": self.object.filename,
            "verdict": self.verdict,
            "shown": shown,
            "tabs": self._tabs(shown),
            "page_obj": Paginator(items, PER_PAGE).get_page(self.request.GET.get("page")),
            "back_url": reverse("site_usage", args=[self.object.site.code]),
        }

    def _shown(self, verdict: Verdict) -> str:
        asked = self.request.GET.get("show", "")
        return asked if asked in SHOWN else ("wrong" if verdict.faults else "new")

    def _tabs(self, shown: str) -> list[dict[str, Any]]:
        if self.verdict is None:
            return []
        counts = {name: len(getattr(self.verdict, name)) for name in ("new", "changed", "known")}
        counts["wrong"] = self.verdict.wrong
        return [
            {"label": label, "url": f"?show={name}", "current": name == shown, "badge": counts[name]}
            for name, label in SHOWN.items()
        ]

    def act(self, form: AcceptForm) -> UsageUpload:
        actor: Any = self.request.user
        upload = usage_accept(actor=actor, upload=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("The usage was accepted and charged."))
        return upload


class Discard(ActionView):
    selector = uploads_visible_to

    def act(self, target: UsageUpload) -> str:
        actor: Any = self.request.user
        usage_discard(actor=actor, upload=target)
        return gettext("The upload was discarded: nothing of it is charged.")


class Download(ObjectMixin, View):
    """A file of one upload."""

    selector = uploads_visible_to

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.reply(self.find())

    def reply(self, upload: UsageUpload) -> HttpResponse:
        raise NotImplementedError


class Original(Download):
    def reply(self, upload: UsageUpload) -> HttpResponse:
        return files.original_of(upload)


class Signature(Download):
    def reply(self, upload: UsageUpload) -> HttpResponse:
        return files.signature_of(upload)


class ToCorrect(Download):
    def reply(self, upload: UsageUpload) -> HttpResponse:
        faults = upload.faults
        if upload.state == UploadState.CHECKED:
            faults = [dataclasses.asdict(fault) for fault in verdict_of(upload).faults]
        return files.faults_of(upload, faults)
