"""The design system's components and number formats as template tags: see docs/design-system.md.

Each component is a partial in templates/components/; a tag only gathers what its partial shows.
The library is a template builtin, so pages need no `{% load %}`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.core.paginator import Page
from django.forms import BaseForm, BoundField
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from portal.foundation import formats
from portal.foundation.icons import DIRECTIONAL, ICONS
from portal.foundation.tones import tone_of

register = template.Library()

for name in ("gpu_hours", "number", "percent", "duration", "when", "ago", "code"):
    register.filter(name, getattr(formats, name))
register.filter("hours", formats.hours_island)


# --- Icons, buttons, badges -------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Inline the icon `name`. Without `label` it is decoration, hidden from screen readers."""
    extra = " icon--directional" if name in DIRECTIONAL else ""
    if label:
        access = format_html('role="img" aria-label="{}"', label)
    else:
        access = mark_safe('aria-hidden="true"')
    paths = mark_safe(ICONS[name])  # noqa: S308 - our own constants
    return format_html('<svg class="icon{}" viewBox="0 0 24 24" {}>{}</svg>', extra, access, paths)


@register.inclusion_tag("components/button.html")
def button(label: str, **options: Any) -> dict[str, Any]:
    """A button, or with `href` a link that looks like one. Options: components/button.html."""
    return {"label": label, **options}


@register.inclusion_tag("components/post_button.html", takes_context=True)
def post_button(context: template.Context, action: str, label: str, **options: Any) -> dict[str, Any]:
    """A form of one button that POSTs to `action`: for transitions that need no further input."""
    return {"action": action, "label": label, "csrf_token": context.get("csrf_token"), **options}


@register.inclusion_tag("components/badge.html")
def badge(label: str, tone: str = "neutral", title: str = "") -> dict[str, Any]:
    return {"label": label, "tone": tone, "title": title}


@register.inclusion_tag("components/badge.html")
def state_badge(thing: Any, field: str = "state", label: str = "") -> dict[str, Any]:
    """The state of `thing` (an object with TextChoices in `field`, or the bare value) in its tone."""
    if isinstance(thing, str):
        state, shown = thing, getattr(thing, "label", thing.replace("_", " ").capitalize())
    else:
        state = getattr(thing, field)
        shown = label or getattr(thing, f"get_{field}_display")()
    return {"label": label or shown, "tone": tone_of(state)}


# --- Forms ------------------------------------------------------------------------------------------
@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField, suffix: str = "", width: str = "", label: str = "", needed: bool = False
) -> dict[str, Any]:
    """One form field. `suffix` is a unit shown after the input; `width` is short, medium or empty; `needed`
    where it isn't called optional although the form takes it empty, as in a draft."""
    return {"field": bound, "suffix": suffix, "width": width, "label": label, "needed": needed}


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: BaseForm) -> dict[str, Any]:
    """Everything that is wrong with `form`, each line linked to its field."""
    lines = [{"text": error, "target": ""} for error in form.non_field_errors()]
    for bound in form:
        if bound.is_hidden:  # nobody can go there
            label, target = gettext("(Hidden field %(name)s)") % {"name": bound.name}, ""
        else:  # a group of radio buttons or checkboxes is focused at its first option
            label, target = (
                str(bound.label),
                f"{bound.auto_id}_0" if bound.use_fieldset else bound.id_for_label,
            )
        lines.extend({"text": f"{label}: {error}", "target": target} for error in bound.errors)
    return {"lines": lines}


@register.inclusion_tag("components/filter_bar.html", takes_context=True)
def filter_bar(context: template.Context, form: BaseForm) -> dict[str, Any]:
    """A GET form of a filterset (`filterset.form`), laid out in a row, with a way to clear it."""
    request = context.get("request")
    query = request.GET if request else {}
    active = any(query.get(bound.html_name) for bound in form)
    return {
        "form": form,
        "active": active,
        "path": request.path if request else "",
        "ordering": query.get("ordering"),
    }


# --- Tables -----------------------------------------------------------------------------------------
@register.simple_block_tag(end_name="endtable")
def table(content: str, caption: str, visible: bool = False) -> str:
    """A table in its scroll container. `caption` names it for everyone who can't see the heading."""
    return render_to_string(
        "components/table.html", {"content": content, "caption": caption, "visible": visible}
    )


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(context: template.Context, key: str, label: str, numeric: bool = False) -> dict[str, Any]:
    """A column header that sorts by `key` through `?ordering=`; a second click turns it round."""
    query = context["request"].GET.copy()
    current = query.get("ordering", "")
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    query["ordering"] = f"-{key}" if direction == "ascending" else key
    query.pop("page", None)
    return {"label": label, "direction": direction, "query": query.urlencode(), "numeric": numeric}


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: template.Context, page: Page[Any]) -> dict[str, Any]:
    """Links to the pages around `page`, keeping filters and order; nothing when all fits on one."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    links = [
        {"number": number, "ellipsis": str(number) == str(page.paginator.ELLIPSIS)}
        for number in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    ]
    prefix = f"?{query.urlencode()}&page=" if query else "?page="
    return {"page": page, "links": links, "prefix": prefix}


# --- Cards and what stands in them ------------------------------------------------------------------
@register.simple_block_tag(end_name="endcard")
def card(content: str, title: str = "", level: int = 2, **options: Any) -> str:
    """A titled surface. `href` and `link` put a link in its head; `flush` lets a table reach the edges."""
    return render_to_string(
        "components/card.html", {"content": content, "title": title, "level": level, **options}
    )


@register.inclusion_tag("components/kv.html")
def kv(label: str, value: Any, href: str = "") -> dict[str, Any]:
    """One line of a `<dl class="kv">`."""
    return {"label": label, "value": value, "href": href}


@register.inclusion_tag("components/stat.html")
def stat(label: str, value: Any, hint: str = "", href: str = "", tone: str = "") -> dict[str, Any]:
    """One big figure of a `<div class="stats">`; `href` leads to the rows behind it."""
    return {"label": label, "value": value, "hint": hint, "href": href, "tone": tone}


@register.inclusion_tag("components/meter.html")
def meter(used: int, total: int, held: int = 0, label: str = "") -> dict[str, Any]:
    """Used, held and available of `total`, all GPU-seconds, as a bar with its figures in words.

    What was used beyond `total` shows as overrun.
    """
    scale = max(total, used + held, 1)
    return {
        "label": label,
        "used": used,
        "held": held,
        "total": total,
        "available": max(total - used - held, 0),
        "overrun": max(used + held - total, 0),
        "used_width": used * 1000 // scale,
        "held_width": held * 1000 // scale,
    }


@register.inclusion_tag("components/timeline.html")
def timeline(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What happened, newest first as given: dicts with at, title, and maybe by, text, href, tone."""
    return {"items": items}


@register.inclusion_tag("components/empty_state.html")
def empty_state(title: str, text: str = "", **options: Any) -> dict[str, Any]:
    """Said where a list has no rows: why, and what to do. Options: icon, action, href."""
    return {"title": title, "text": text, **options}


@register.simple_block_tag(end_name="endnotice")
def notice(content: str, tone: str = "info", title: str = "") -> str:
    """A message that belongs to the page: tone is info, success, warning or danger."""
    return render_to_string("components/notice.html", {"content": content, "tone": tone, "title": title})


@register.inclusion_tag("components/tabs.html")
def tabs(items: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    """The pages of one thing: dicts with label, url, current, and maybe badge. `label` names the set."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/crumb.html")
def crumb(label: str, href: str = "") -> dict[str, Any]:
    """One step of the breadcrumbs; without `href` it is the page itself."""
    return {"label": label, "href": href}


@register.inclusion_tag("components/remote_panel.html")
def remote_panel(url: str, label: str) -> dict[str, Any]:
    """A panel that another room draws: fetched by htmx; without JavaScript a link to its full page."""
    return {"url": url, "label": label}
