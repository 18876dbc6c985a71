"""What happened to a thing, told from its audit rows: as in the room of people."""

from portal.people.history import events

__all__ = ["events"]
