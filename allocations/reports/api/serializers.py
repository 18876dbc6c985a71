"""What the API's documentation says of a report."""

from typing import Any

from rest_framework import serializers


class UsageReportSerializer(serializers.Serializer[Any]):
    """Rows of a page, totals over all rows, and what must be said beside the figures."""

    first = serializers.DateField(help_text="First day, in Pakistan.")
    last = serializers.DateField(help_text="Last day, included.")
    group_by = serializers.ListField(child=serializers.CharField())
    metrics = serializers.ListField(child=serializers.CharField())
    filters = serializers.DictField(child=serializers.CharField(), help_text="What it was narrowed to.")
    count = serializers.IntegerField(help_text="Number of rows on all pages.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    rows = serializers.ListField(
        child=serializers.DictField(),
        help_text="A column for each dimension (things also with _name) and each metric.",
    )
    totals = serializers.DictField(child=serializers.FloatField(), help_text="Over all rows of all pages.")
    provisional = serializers.BooleanField(help_text="Whether these figures are expected to change yet.")
    note = serializers.CharField()
    scope = serializers.CharField(help_text="What you may see, in words.")
    generated_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is a word of Python's, so the first and last day get their names here."""
        fields = super().get_fields()
        return {{"first": "from", "last": "to"}.get(name, name): field for name, field in fields.items()}
