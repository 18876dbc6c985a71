"""The image of the portal."""
