"""Lets `{{ form }}` and `{{ field.as_field_group }}` draw the design system's own fields."""

from django.forms.renderers import TemplatesSetting


class TaqseemRenderer(TemplatesSetting):
    form_template_name = "components/form_fields.html"
    field_template_name = "components/field.html"
