"""The form of mail settings: one choice a group."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.notices.kinds import TIMINGS, Group

EXAMPLES = {
    Group.REQUESTS: _("A request was approved or declined; an answer in its thread."),
    Group.DUTIES: _("Something waits for your review, decision or answer. It can't be turned off."),
    Group.ALLOCATIONS: _("What is used, what ends soon, what was added or taken back."),
    Group.JOBS: _("A job of yours has ended."),
    Group.PEOPLE: _("Members, verification, logins at sites."),
    Group.SECURITY: _("Your roles and your access changed. It always comes at once."),
}


class MailChoicesForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for group in Group:
            self.fields[group.value] = forms.ChoiceField(
                label=group.label,
                choices=[(timing.value, timing.label) for timing in TIMINGS[group]],
                help_text=EXAMPLES[group],
            )
