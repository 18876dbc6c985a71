#!/bin/sh
# First process of a machine (mount, PID and UTS namespaces of its own): mounts what the Slurm tree needs, prints its
# PID as the host sees it, then waits for orphans. What it mounts is visible in there only and goes with it.
# machine-init.sh TREE RUN_DIRECTORY
set -eu
tree=$1 run=$2
read -r pid _ < /proc/self/stat # the host's /proc is still the one in view

hostname slurm-lab
mount --bind "$run" "$tree/lab"
mount --bind "$run/home" "$tree/home"
mount -t tmpfs -o mode=755 lab "$tree/run"
mount -t tmpfs -o mode=1777 lab "$tree/tmp"
mount -t tmpfs -o mode=1777 lab "$tree/dev/shm"
mount -t sysfs -o ro lab "$tree/sys"
mount -t proc lab "$tree/proc"

# Told only from inside the tree: who enters before that would stand in the host's.
exec chroot "$tree" /bin/sh -c 'cd /; echo "$0"; exec > /dev/null 2>&1; while :; do sleep 86400 & wait $!; done' "$pid"
