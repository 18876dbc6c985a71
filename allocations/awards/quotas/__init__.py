"""Caps and floors: who may have how much at most, and for whom something is kept."""
