"""Forms about one submission: what was typed about it is said about no later one."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from allocations.programme import services
from allocations.programme.web.views import RequestAct
from portal.foundation.errors import IllegalState
from portal.foundation.middleware import tell


class AboutRound(RequestAct):
    """A form with a hidden `round`: the submission that was read.

    Where the request was handed in anew since, its page is shown as it stands now and tells so. The words
    that were typed are kept; amounts and choices are made anew.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST, **self.form_options())
        form.is_valid()
        try:
            services.require_round(self.object, form.cleaned_data.get("round"))
        except IllegalState as error:
            tell(request, error)
            initial = self.get_initial() | _words(form)
            return self.show(self.form_class(initial=initial, **self.form_options()), status=error.status)
        return super().post(request, *args, **kwargs)


def _words(form: forms.Form) -> dict[str, Any]:
    return {
        name: form.data[name]
        for name, field in form.fields.items()
        if isinstance(field.widget, forms.Textarea) and name in form.data
    }
