"""What the clock does runs over many rows: one that fails keeps nobody behind it waiting."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


def tried[**P, R](service: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """What `service` returns; where it fails that is logged and left for the next run, and None returned.

    For services that are one transaction each: a failure leaves nothing behind.
    """
    try:
        return service(*args, **kwargs)
    except Exception:
        log.exception("%s failed for %s", getattr(service, "__name__", service), [*args, *kwargs.values()])
        return None
