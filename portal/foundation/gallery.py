"""`/design/`: every component of the design system on one page, with made-up content. Local and test only."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.foundation import clock
from portal.foundation.icons import ICONS
from portal.foundation.tones import TONES

HOUR = 3600


class GalleryForm(forms.Form):
    """One of each kind of field."""

    title = forms.CharField(max_length=120, help_text="What the public register will show.")
    gpu_hours = forms.DecimalField(
        label="GPU-hours", min_value=1, widget=forms.NumberInput(attrs={"step": 1})
    )
    email = forms.EmailField(label="E-mail", required=False)
    starts = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    sector = forms.ChoiceField(
        choices=[("", "Choose a sector"), ("health", "Health"), ("climate", "Climate")]
    )
    data_class = forms.ChoiceField(
        choices=[("open", "Open"), ("public", "Public"), ("restricted", "Restricted")],
        widget=forms.RadioSelect,
    )
    needs = forms.MultipleChoiceField(
        choices=[("ckpt", "Checkpointing"), ("mpi", "Several nodes")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    abstract = forms.CharField(widget=forms.Textarea, help_text="Up to 2,000 characters.")
    script = forms.CharField(
        widget=forms.Textarea(attrs={"class": "code", "spellcheck": "false"}), required=False
    )
    evidence = forms.FileField(required=False, help_text="PDF, up to 5 MB.")
    agree = forms.BooleanField(label="I have read the terms of use")


class GalleryFilter(forms.Form):
    q = forms.CharField(label="Words", required=False)
    state = forms.ChoiceField(choices=[("", "Any"), *((s, s) for s in TONES["info"])], required=False)


def gallery(request: HttpRequest) -> HttpResponse:
    """The component page. `?errors=1` shows the form with everything wrong."""
    form = GalleryForm(
        {"email": "x"} if "errors" in request.GET else None, initial={"title": "Urdu speech corpus"}
    )
    return render(
        request,
        "components/gallery.html",
        {
            "form": form,
            "filter_form": GalleryFilter(request.GET),
            "page": Paginator(_rows(), 8).get_page(request.GET.get("page")),
            "events": _events(),
            "tones": TONES,
            "icons": sorted(ICONS),
            "tabs_shown": [
                {"label": "Overview", "url": "?", "current": True},
                {"label": "Jobs", "url": "?", "badge": 12},
                {"label": "Members", "url": "?"},
            ],
            "figures": {"used": 320 * HOUR, "held": 80 * HOUR, "total": 1000 * HOUR, "over": 1040 * HOUR},
        },
    )


def _rows() -> list[SimpleNamespace]:
    states = [state for names in TONES.values() for state in names]
    return [
        SimpleNamespace(
            code=f"JB-{7 * n:04X}",
            name=("Urdu speech corpus", "فصلوں کی بیماریوں کی شناخت", "Flood forecast, Indus basin")[n % 3],
            site=("Astrolabe NED", "Data Vault Karachi", "Astrolabe UET")[n % 3],
            state=states[n % len(states)],
            seconds=n * n * 977,
            elapsed=n * 4021,
            at=clock.now() - timedelta(hours=5 * n, minutes=n),
        )
        for n in range(1, 61)
    ]


def _events() -> list[dict[str, Any]]:
    now = clock.now()
    return [
        {"at": now, "title": "Approved in part", "by": "Dr. Ayesha Khan", "tone": "success",
         "text": "800 of 1,000 GPU-hours: the rest once the first results are in."},
        {"at": now - timedelta(days=2), "title": "Returned", "by": "بلال احمد", "tone": "warning"},
        {"at": now - timedelta(days=3), "title": "Submitted", "by": "Sana Malik", "tone": "info"},
        {"at": now - timedelta(days=4), "title": "Draft created", "by": "Sana Malik"},
    ]  # fmt: skip
