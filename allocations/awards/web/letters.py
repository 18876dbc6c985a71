"""The letter of an award, and the page on which anybody can check one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.generic import View

from allocations.awards.letters.response import pdf_response
from allocations.awards.letters.selectors import awards_visible_to, letter_of_code, standing_of
from portal.foundation.throttling import PublicPageMixin
from portal.foundation.web import ObjectMixin


class LetterPdf(ObjectMixin, View):
    """The letter as a file, in `?lang=` en or ur, else in the language of the page."""

    selector = awards_visible_to
    http_method_names = ["get"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return pdf_response(request.user, self.find(), request.GET.get("lang", ""))


class LetterCheck(PublicPageMixin, View):
    """For everybody: is this letter genuine? Persons aren't named."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, code: str = "") -> HttpResponse:
        if typed := request.GET.get("code", "").strip():
            code = typed
        letter = letter_of_code(code) if code else None
        if letter is not None and typed:
            return redirect(letter)
        page = {
            "title": _("Check an award letter"),
            "letter": letter,
            "typed": code,
            "standing": standing_of(letter) if letter else "",
        }
        status = 404 if code and letter is None else 200
        return render(request, "awards/letter.html", page, status=status)
