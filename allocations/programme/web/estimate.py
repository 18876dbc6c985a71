"""The page that turns a description of the work into GPU-hours. Everybody may use it."""

from math import ceil
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import slug_re
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views import View

from allocations.programme.estimator import (
    GPUS,
    KINDS,
    PUBLISHED,
    Estimate,
    Kind,
    Published,
    Work,
    estimate,
    gpu_named,
    parse_quantity,
    short,
)
from datacenters.models import Resource
from portal.foundation.errors import InvalidInput
from portal.foundation.units import SECONDS_PER_HOUR

DEFAULT_KIND = "finetune"
DEFAULT_GPU = "h100"


class QuantityField(forms.CharField):
    """A large amount, as people write it: 7B, 200 M."""

    widget = forms.TextInput(attrs={"autocomplete": "off", "dir": "ltr"})

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return parse_quantity(text) if text else 0.0
        except InvalidInput as error:
            raise forms.ValidationError(error.text) from error


FIELDS: dict[str, tuple[Any, Any, bool]] = {  # label, help, required
    "parameters": (
        _("Parameters of the model"),
        _("Such as 7B or 350M; of a mixture of experts, the active ones."),
        True,
    ),
    "tokens": (_("Tokens"), _("Such as 200M; about four characters of English are one."), True),
    "epochs": (_("Epochs"), _("How often the data is gone through."), True),
    "generated": (_("Tokens to write"), _("In all, over all answers."), True),
    "images": (_("Pictures"), _("In the training data."), True),
    "gmacs": (
        _("Multiply-adds per picture, in billions"),
        _("One forward pass: ResNet-50 4.1, ViT-B/16 17.6, ViT-L/16 61.6, at 224 × 224."),
        True,
    ),
    "gpus": (_("GPUs of one run"), "", True),
    "hours": (_("Hours of one run"), "", True),
    "runs": (_("Runs"), "", True),
}
READ = _("Tokens to read")


class EstimateForm(forms.Form):
    """Asks for what its kind of work needs."""

    gpu = forms.ChoiceField(label=_("GPU"), choices=[(gpu.key, gpu.name) for gpu in GPUS.values()])

    def __init__(self, *args: Any, kind: Kind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in kind.fields:
            label, help_text, required = FIELDS[name]
            if kind.key == "inference" and name == "tokens":
                label = READ
            initial = "1" if name in {"epochs", "runs"} else None
            self.fields[name] = QuantityField(
                label=label, help_text=help_text, required=required, initial=initial
            )
        self.order_fields([*kind.fields, "gpu"])


class EstimatePage(View):
    """GET alone: the address of a result can be kept and sent on."""

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET
        kind = KINDS.get(asked.get("kind", ""), KINDS[DEFAULT_KIND])
        first = {"gpu": _first_gpu(asked.get("resource", ""))}
        sent = any(name in asked for name in kind.fields)
        form = EstimateForm(asked if sent else None, initial=first, kind=kind)
        found = None
        if sent and form.is_valid():
            data = dict(form.cleaned_data)
            found = estimate(Work(kind=kind, gpu=GPUS[data.pop("gpu")], **data))
        page = {
            "title": _("Estimate GPU-hours"),
            "form": form,
            "kind": kind,
            "kinds": _tabs(kind, asked),
            "kept": {name: asked[name] for name in ("request", "resource") if asked.get(name)},
            "found": found,
            "published": _published(),
        }
        if found:
            page |= {"seconds": _seconds(found), "rows": _rows(found, asked.get("request", ""))}
        return render(request, "programme/estimate.html", page, status=422 if sent and not found else 200)


def _first_gpu(resource: str) -> str:
    """The GPU of the resource that one comes from, else the default."""
    found = Resource.objects.filter(code=resource).first() if slug_re.match(resource) else None
    gpu = gpu_named(found.gpu_model) if found else None
    return gpu.key if gpu else DEFAULT_GPU


def _tabs(kind: Kind, asked: Any) -> list[dict[str, Any]]:
    """One tab a kind; what else was said goes along."""
    names = ("gpu", "parameters", "tokens", "epochs", "request", "resource")
    kept = {name: asked[name] for name in names if name in asked}
    return [
        {"label": each.label, "url": f"?{urlencode({'kind': each.key, **kept})}", "current": each is kind}
        for each in KINDS.values()
    ]


def _seconds(found: Estimate) -> dict[str, int]:
    """Both ends and the middle in GPU-seconds, two digits long: more would feign exactness."""
    hours = found.gpu_hours
    return {
        name: int(float(f"{value:.2g}") * SECONDS_PER_HOUR)
        for name, value in (("low", hours.low), ("middle", hours.middle), ("high", hours.high))
    }


def _rows(found: Estimate, request: str) -> list[dict[str, Any]]:
    """Where the middle and the upper end are carried over as a row of a request's run table."""
    work, gpus = found.work, found.scale.gpus
    name = f"{work.kind.label}: {short(work.parameters)}" if work.parameters else str(work.kind.label)
    target = reverse("request_amounts", args=[request]) if slug_re.match(request) else reverse("request_new")

    def row(label: Any, hours: float) -> dict[str, Any]:
        query = {"model": name, "gpus": gpus, "hours": f"{ceil(hours / gpus * 10) / 10:g}", "runs": 1}
        return {"label": label, "url": f"{target}?{urlencode(query)}"}

    return [
        row(_("Ask for the middle"), found.gpu_hours.middle),
        row(_("Ask for the upper end"), found.gpu_hours.high),
    ]


def _published() -> list[dict[str, Any]]:
    """The published runs beside what we say of them."""

    def row(run: Published) -> dict[str, Any]:
        amounts = run.amounts
        said = estimate(Work(kind=KINDS[run.kind], gpu=run.gpu, **amounts)).gpu_hours.middle
        return {
            "run": run,
            "parameters": short(amounts["parameters"]) if "parameters" in amounts else "",
            "amount": short(amounts.get("tokens", amounts.get("images", 0))),
            "seconds": int(run.gpu_hours * SECONDS_PER_HOUR),
            "ratio": f"{said / run.gpu_hours:.2f}",
        }

    return [row(run) for run in PUBLISHED]
