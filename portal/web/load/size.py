"""How much is planted."""

from dataclasses import dataclass

MARK = "Load"  # how everything planted here begins: ILLUSTRATIVE, and easily told from the demo's own


@dataclass(frozen=True)
class Size:
    """Numbers of rows; scale 1 is what `docs/operations.md` says that pages are measured on."""

    projects: int
    users: int
    allocations: int
    pending: int

    @classmethod
    def of(cls, scale: float) -> "Size":
        """At least one project with everything that belongs to it."""
        return cls(
            projects=max(int(200 * scale), 1),
            users=max(int(2_000 * scale), 10),
            allocations=max(int(5_000 * scale), 4),
            pending=max(int(300 * scale), 1),
        )
