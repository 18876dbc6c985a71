"""Signs of life of the background processes, kept in the cache; `/readyz` reads them."""

from datetime import datetime

from django.core.cache import cache

from portal.foundation import clock

STALE_AFTER_SECONDS = 30


def beat(part: str) -> None:
    """Note that `part` (worker, beat, sealer) was alive just now."""
    cache.set(f"heartbeat:{part}", clock.now(), timeout=24 * 3600)


def age(part: str) -> float | None:
    """Seconds since `part` last gave a sign of life; None if it never did."""
    seen: datetime | None = cache.get(f"heartbeat:{part}")
    return (clock.now() - seen).total_seconds() if seen else None
