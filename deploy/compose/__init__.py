"""Taqseem in containers: what docker-compose.yml builds and mounts (docs/operations.md)."""
