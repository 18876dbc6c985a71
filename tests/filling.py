"""What people type into the form of a request."""

from datetime import timedelta
from typing import Any

from portal.foundation import clock
from portal.people.models import TermsVersion
from tests.cast import Cast


def text(reply: Any) -> str:
    return " ".join(reply.content.decode().split())


def quick(cast: Cast, **fields: str) -> dict[str, str]:
    return {
        "project": cast.project.code,
        "resource": cast.resource.code,
        "gpu_hours": "12.5",
        "ends_on": str(clock.today() + timedelta(days=9)),
        "justification": "Eight small runs.",
        "ai_risk": "minimal",
        "key": "k-1",
        **fields,
    }


def amounts(cast: Cast, **fields: str) -> dict[str, str]:
    today = clock.today()
    return {
        "starts_on": str(today),
        "ends_on": str(today + timedelta(days=99)),
        "lines-total": "2",
        "lines-0-where": cast.resource.code,
        "lines-0-gpu_hours": "1,000",
        "lines-1-where": "any",
        "lines-1-gpu_hours": "۵۰۰",
        "runs-total": "2",
        "runs-0-model": "Urdu speech, 300M",
        "runs-0-gpus": "8",
        "runs-0-hours": "12.5",
        "runs-0-runs": "15",
        "runs-1-model": "",
        "runs-1-gpus": "",
        **fields,
    }


def new_terms() -> None:
    """A version that nobody has accepted yet."""
    TermsVersion.objects.create(number=99, text_en="Be fair.", text_ur="انصاف۔", in_force_from=clock.today())
