"""A form that takes a table: as a file, or typed."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

MOST_BYTES = 256 * 1024


class TableForm(forms.Form):
    """Gives `table`, the text. A subclass says in `columns_help` which columns its first row names."""

    columns_help: ClassVar[Any] = ""

    file = forms.FileField(label=_("CSV file"), required=False)
    table = forms.CharField(
        label=_("Or the rows themselves"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "code", "dir": "ltr", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = self.columns_help

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        file, table = data.get("file"), data.get("table", "")
        if bool(file) == bool(table.strip()):
            raise forms.ValidationError(_("Choose a file, or write the rows: one of the two."))
        if file:
            data["table"] = self._text_of(file)
        return data

    def _text_of(self, file: Any) -> str:
        if file.size > MOST_BYTES:
            self.add_error("file", _("This file is larger than 256 kB. Send it in several parts."))
            return ""
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", _("This isn't text in UTF-8. Save the table as “CSV UTF-8”."))
            return ""
