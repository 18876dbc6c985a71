"""The browsable documentation of the API, from our own static files."""

from typing import Any

from django.conf import settings
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from drf_spectacular.views import SpectacularSwaggerSplitView

# Swagger UI writes styles into its page; its scripts are files like any other.
POLICY: dict[str, Any] = {**settings.SECURE_CSP, "style-src": [CSP.SELF, CSP.UNSAFE_INLINE]}

docs = csp_override(POLICY)(SpectacularSwaggerSplitView.as_view(url_name="schema"))
