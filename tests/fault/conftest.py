"""Fixtures that several of the fault tests use."""

from tests.fault.nation import breakable_lab, nation
from tests.fault.workers import workers

__all__ = ["breakable_lab", "nation", "workers"]
