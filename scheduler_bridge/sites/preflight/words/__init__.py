"""Findings in words, as message ids."""
