"""The lab: real Slurm clusters on one machine, for trying out and for tests (docs/lab.md)."""
