"""The preflight of a cluster: what would go wrong there is shown before people find out."""
