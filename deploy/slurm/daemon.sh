#!/bin/sh
# Start one daemon of a Slurm site in the foreground, as the user it belongs to, logging to standard error.
# As root: daemon.sh NAME, with these in the environment:
#   munged, mariadbd                   MACHINE_DIR, which holds munge.key and mariadb.cnf
#   slurmdbd, slurmctld, slurmd-NODE   SLURM_CONF, the path of slurm.conf; the other files lie beside it
#   slurmrestd                         SLURM_CONF, SLURMRESTD_OPTIONS, SLURMRESTD_LISTEN=ADDRESS:PORT, which
#                                      slurmrestd reads itself (22.05 binds twice if it is an argument as well)
set -eu

as() { # as USER COMMAND...
    user=$1
    shift
    exec setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
}

case $1 in
munged)
    install -d -o munge -g munge /run/munge
    as munge munged --foreground --key-file="$MACHINE_DIR/munge.key" --seed-file=/run/munge/munged.seed
    ;;
mariadbd)
    install -d -o mysql -g mysql /run/mysqld
    if [ ! -e "$MACHINE_DIR/mariadb/mysql" ]; then
        install -d -o mysql -g mysql -m 700 "$MACHINE_DIR/mariadb"
        mariadb-install-db --defaults-file="$MACHINE_DIR/mariadb.cnf" --user=mysql --skip-test-db \
            --auth-root-authentication-method=socket
    fi
    as mysql mariadbd --defaults-file="$MACHINE_DIR/mariadb.cnf"
    ;;
slurmdbd | slurmctld) exec "$1" -D ;;
slurmd-*) exec slurmd -D -N "${1#slurmd-}" ;;
slurmrestd)
    export SLURM_JWT=daemon
    # shellcheck disable=SC2086 # a list of options
    as slurmrest slurmrestd -a rest_auth/jwt $SLURMRESTD_OPTIONS
    ;;
*)
    echo "daemon.sh: unknown daemon $1" >&2
    exit 64
    ;;
esac
