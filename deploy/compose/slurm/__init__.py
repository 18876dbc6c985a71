"""The image of a Slurm cluster for trying out."""
