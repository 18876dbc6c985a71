#!/bin/sh
# Make the secrets that docker-compose.yml reads, each a file in deploy/compose/secrets. What is there stays:
# run it again at any time, also after an upgrade that needs a further one.
#   make-secrets.sh                  make what is missing
#   make-secrets.sh renew NAME       replace one: secret_key (the old one stays good), db_owner_password,
#                                    db_app_password, redis; docs/operations.md says what follows
#   TAQSEEM_SECRETS=DIRECTORY        elsewhere
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
secrets=${TAQSEEM_SECRETS:-$here/secrets}
portal=10001 # whom the portal's containers run as

random() { # random BYTES: letters and digits, for passwords and keys
    od -An -vtx1 -N"$1" /dev/urandom | tr -d ' \n'
}

write() { # write NAME: from standard input, into the same inode, so that running containers see it
    if [ -e "$secrets/$1" ]; then chmod 644 "$secrets/$1"; fi
    cat > "$secrets/$1"
    # Containers without root read it through a mount of this one file; on the host the directory is shut.
    chmod 444 "$secrets/$1"
}

missing() {
    [ ! -e "$secrets/$1" ]
}

redis() {
    password=$(random 24)
    printf 'requirepass %s\n' "$password" | write redis_auth
    printf 'redis://:%s@redis:6379/0\n' "$password" | write redis_url
}

make_all() {
    if missing secret_key; then random 48 | write secret_key; fi
    if missing secret_key_fallbacks; then : | write secret_key_fallbacks; fi
    for name in db_admin_password db_owner_password db_app_password; do
        if missing "$name"; then random 24 | write "$name"; fi
    done
    if missing redis_url || missing redis_auth; then redis; fi
    if missing smtp_password; then
        : | write smtp_password
        echo "Write the mail server's password into $secrets/smtp_password."
    fi
    if missing tls_certificate || missing tls_key; then certificate; fi
    # The keys of the clusters of the profile slurm; those of real sites lie beside them.
    for cluster in datavault higgs astrolabe-ned astrolabe-uet; do
        if missing "keys/$cluster.key"; then head -c 32 /dev/urandom | write "keys/$cluster.key"; fi
    done
}

certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=taqseem" \
        -addext "subjectAltName=DNS:${TAQSEEM_HOST:-localhost}" \
        -keyout "$secrets/tls_key" -out "$secrets/tls_certificate" 2> /dev/null
    chmod 444 "$secrets/tls_key" "$secrets/tls_certificate"
    echo "Made a self-signed certificate for 30 days: replace tls_certificate and tls_key in $secrets by real ones."
}

renew() {
    case $1 in
    secret_key)
        { cat "$secrets/secret_key"; echo; cat "$secrets/secret_key_fallbacks"; } > "$secrets/.former"
        write secret_key_fallbacks < "$secrets/.former"
        rm "$secrets/.former"
        random 48 | write secret_key
        ;;
    db_owner_password | db_app_password) random 24 | write "$1" ;;
    redis) redis ;;
    *)
        echo "make-secrets.sh: can't renew '$1': secret_key, db_owner_password, db_app_password or redis" >&2
        exit 64
        ;;
    esac
    echo "Renewed $1."
}

mkdir -p "$secrets/keys"
chmod 700 "$secrets"
case ${1:-} in
'') make_all ;;
renew) renew "${2:-}" ;;
*)
    sed -n 's/^# \{0,1\}//p' "$0" | sed -n '2,8p' >&2
    exit 64
    ;;
esac
# The portal enters the folder of keys itself.
chmod 711 "$secrets/keys"
if [ "$(id -u)" = 0 ]; then chown -R $portal:$portal "$secrets/keys"; fi
