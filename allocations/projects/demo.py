"""Demonstration data of this room. ILLUSTRATIVE."""


def seed() -> None:
    """Plant what is missing; change nothing that is there."""
