"""The design system: its components, its weight, and the rules that its stylesheets and templates keep."""

import re
from pathlib import Path
from types import SimpleNamespace

import brotli
import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory

from portal.foundation.icons import ICONS
from portal.foundation.theme import set_theme, theme_of

ROOT = Path(__file__).resolve().parents[2]
STYLES = sorted((ROOT / "static/css").glob("*.css"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def draw(source: str, path: str = "/", **context: object) -> str:
    return Template(source).render(Context({"request": RequestFactory().get(path), **context}))


class Form(forms.Form):
    title = forms.CharField(help_text="Shown to all")
    note = forms.CharField(required=False)
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    secret = forms.CharField(widget=forms.HiddenInput)

    def clean(self) -> None:
        self.add_error(None, "As a whole <wrong>")


def test_every_form_draws_its_fields_with_label_help_and_error() -> None:
    html = str(Form({}))
    assert '<label class="label" for="id_title">' in html
    assert 'aria-describedby="id_title_helptext id_title_error"' in html
    assert 'id="id_title_helptext"' in html
    assert 'id="id_title_error"' in html
    assert html.count("(optional)") == 1


def test_the_summary_of_errors_links_to_what_is_wrong() -> None:
    html = draw("{% form_errors form %}", form=Form({}))
    assert "There are 4 problems" in html
    assert 'href="#id_title"' in html
    assert 'href="#id_kind_0"' in html, "a group is focused at its first option"
    assert "As a whole &lt;wrong&gt;" in html
    assert "#id_secret" not in html, "nobody can go to a hidden field"
    assert "(Hidden field secret)" in html


def test_a_form_without_errors_has_no_summary() -> None:
    assert 'role="alert"' not in str(Form())


def test_sorting_turns_round_and_goes_back_to_the_first_page() -> None:
    header = "{% sort_header 'code' 'Job' %}"
    assert 'href="?state=x&amp;ordering=code"' in draw(header, "/?state=x&page=3")
    turned = draw(header, "/?ordering=code")
    assert 'aria-sort="ascending"' in turned
    assert 'href="?ordering=-code"' in turned
    assert 'aria-sort="descending"' in draw(header, "/?ordering=-code")


def test_pagination_keeps_filters_and_says_how_many_there_are() -> None:
    page = Paginator(range(1234), 50).page(2)
    html = draw("{% pagination page %}", "/?state=a%26b&page=2", page=page)
    assert 'href="?state=a%26b&amp;page=3"' in html
    assert "51</bdi>–" in html
    assert "1,234</bdi>" in html
    assert "<nav" not in draw("{% pagination page %}", page=Paginator([1], 50).page(1))


def test_the_meter_tells_an_overrun() -> None:
    html = draw("{% meter used=7200 total=3600 %}")
    assert "meter--over" in html
    assert "Over by" in html
    assert "Available" not in html


def test_people_cannot_write_markup_through_components() -> None:
    evil = "<script>"
    html = draw(
        "{% card evil %}{{ evil }}{% endcard %}{% notice 'info' title=evil %}{{ evil }}{% endnotice %}"
        "{% badge evil %}{% button evil %}{% kv evil evil %}{% stat evil evil %}{% empty_state evil evil %}"
        "{% timeline items %}{% table evil %}{% endtable %}{% crumb evil %}",
        evil=evil,
        items=[{"title": evil, "by": evil, "text": evil, "at": None}],
    )
    assert evil not in html
    assert html.count("&lt;script&gt;") == 18


def test_a_state_has_one_tone_wherever_it_appears() -> None:
    thing = SimpleNamespace(state="out_of_memory", get_state_display=lambda: "Out of memory")
    assert draw("{% state_badge thing %}", thing=thing) == draw("{% state_badge 'out_of_memory' %}")
    assert "badge--danger" in draw("{% state_badge thing %}", thing=thing)


def test_an_unknown_icon_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        draw("{% icon 'no-such' %}")
    assert ICONS["check"] in draw("{% icon 'check' %}")


@pytest.mark.parametrize(("posted", "kept"), [("dark", "dark"), ("neon", "auto")])
def test_the_theme_is_kept_in_a_cookie(posted: str, kept: str) -> None:
    response = set_theme(RequestFactory().post("/theme/", {"theme": posted, "next": "https://evil.example/"}))
    assert response["Location"] == "/", "it never leads to another host"
    assert response.cookies["theme"].value == kept
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = kept
    assert theme_of(request) == kept


def test_stylesheets_weigh_at_most_10_kb() -> None:
    assert sum(len(brotli.compress(path.read_bytes())) for path in STYLES) <= 10_000


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_stylesheets_use_logical_properties_only(path: Path) -> None:
    physical = re.compile(
        r"(margin|padding|border)-(left|right|top|bottom)|[\s;{](left|right|top|bottom|width|height)\s*:"
        r"|text-align:\s*(left|right)|letter-spacing|text-transform"
    )
    rules = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not physical.findall(rules)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_templates_obey_the_content_security_policy(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son[a-z]+=\"|hx-on|js:", source)
    for script in re.findall(r"<script\b[^>]*>", source):
        assert "src=" in script or "application/json" in script
    assert "<style" not in source


def test_light_and_dark_define_the_same_colours() -> None:
    css = STYLES[-1].read_text(encoding="utf-8")
    device = re.search(r'not\(\[data-theme="light"\]\) \{(.*?)\}', css, re.DOTALL)
    chosen = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', css, re.DOTALL)
    assert device
    assert chosen
    assert device[1].split() == chosen[1].split(), "keep the two lists of dark colours alike"
