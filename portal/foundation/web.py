"""What every page of the house shares: sign-in, scoping to the viewer, forms whose refusals become errors."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import OperationalError, models
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from django_filters import FilterSet
from django_filters.views import FilterView

from portal.foundation.errors import Busy, DomainError, NotAllowed
from portal.foundation.middleware import is_lock_timeout, tell

Selector = Callable[[Any], models.QuerySet[Any]]
KEPT = "draft_kept"
KEPT_SECONDS = 3600
# What `static/js/draft.js` calls a save.
SAVE_NAME = re.compile(r"[\w-]{1,60}", re.ASCII)


class Page(LoginRequiredMixin, TemplateView):
    """A page for people who are signed in."""

    title: ClassVar[Any] = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("title", self.title)
        return super().get_context_data(**kwargs)


class ListPage(LoginRequiredMixin, FilterView):
    """A filtered, paged list of what the viewer may see.

    Set `selector` (the room's `visible_to`), `filterset_class` (shared with the API) and `template_name`.
    """

    selector: ClassVar[Selector]
    filterset_class: ClassVar[type[FilterSet]]
    paginate_by = 25
    title: ClassVar[Any] = ""

    def get_queryset(self) -> models.QuerySet[Any]:
        return type(self).selector(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        query = self.request.GET.copy()
        query.pop("page", None)
        return super().get_context_data(title=self.title, query=query.urlencode(), **kwargs)


class ObjectMixin(LoginRequiredMixin):
    """Finds the page's object by public code among what the viewer may see; anything else is 404."""

    selector: ClassVar[Selector]
    request: HttpRequest
    kwargs: dict[str, Any]

    def find(self) -> Any:
        return get_object_or_404(type(self).selector(self.request.user), code=self.kwargs["code"])


class DetailPage(ObjectMixin, TemplateView):
    """The page of one thing; the template knows it as `object`."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(object=self.find(), **kwargs)


class FormPage(LoginRequiredMixin, View):
    """A form whose work is done by one service.

    `act` calls the service and returns where to go next. A DomainError comes back as an error of the field
    that it names (else of the form), with everything that was typed kept.
    """

    template_name = "form_page.html"
    form_class: ClassVar[type[forms.Form]]
    title: ClassVar[Any] = ""
    submit_label: ClassVar[Any] = _("Save")

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.object: Any = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            self.prepare()
        return super().dispatch(request, *args, **kwargs)

    def prepare(self) -> None:
        """Find the object and check that the viewer may open this form at all."""

    def get_initial(self) -> dict[str, Any]:
        return {}

    def form_options(self) -> dict[str, Any]:
        """Further keyword arguments for the form."""
        return {}

    def page_context(self) -> dict[str, Any]:
        """Further context for the template."""
        return {}

    def act(self, form: Any) -> str | Any:
        raise NotImplementedError

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.show(self.form_class(initial=self.get_initial(), **self.form_options()))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST, request.FILES, initial=self.get_initial(), **self.form_options())
        if form.is_valid():
            return self.attempt(form, self.act)
        return self.show(form, status=422)

    def attempt(self, form: Any, act: Callable[[Any], Any]) -> HttpResponse:
        """On to where `act` leads; what it refuses comes back with the form."""
        try:
            return tell_kept(self.request, redirect(act(form)))
        except DomainError as error:
            attach(form, error)
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            attach(form, Busy())
        return self.show(form, status=422)

    def show(self, form: forms.Form, status: int = 200) -> HttpResponse:
        page = {
            "form": form,
            "title": self.title,
            "submit_label": self.submit_label,
            "object": self.object,
            **self.page_context(),
        }
        return render(self.request, self.template_name, page, status=status)


class ActionView(ObjectMixin, View):
    """A button: POST calls one service on one thing and goes back to its page, telling how it went.

    Whoever follows its address, from a history or after signing in, is led to that page.
    """

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect(self.page_of(self.find()))

    def page_of(self, target: Any) -> Any:
        """Where its page is: an address, or a thing that has one."""
        return target

    def act(self, target: Any) -> str:
        """Call the service; return the message of success."""
        raise NotImplementedError

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        target = self.find()
        try:
            messages.success(request, self.act(target))
        except NotAllowed:
            raise  # a page of its own: whoever gets here didn't press a button of ours
        except DomainError as error:
            tell(request, error)
        return redirect(self.page_of(target))


def name_of_save(sent: Mapping[str, str]) -> str:
    """The name that the script gave this save; empty where there is none, or none of its making."""
    name = sent.get("draft_id", "")
    return name if SAVE_NAME.fullmatch(name) else ""


def tell_kept(request: HttpRequest, reply: HttpResponse) -> HttpResponse:
    """Tell `static/js/draft.js` which of its copies has arrived: the form was taken."""
    if name := name_of_save(request.POST):
        reply.set_cookie(KEPT, name, max_age=KEPT_SECONDS, samesite="Lax", secure=request.is_secure())
    return reply


def attach(form: forms.Form, error: DomainError) -> None:
    """Put a refusal where the person can mend it."""
    field = error.field if error.field in form.fields else NON_FIELD_ERRORS
    form.add_error(None if field == NON_FIELD_ERRORS else field, error.text)
