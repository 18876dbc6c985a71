#!/bin/sh
# Puts the proxy's files where they belong, checks them, and says what is missing: install.sh [DIRECTORY]
# DIRECTORY is /etc/taqseem-proxy unless given; users.map and proxy.env are made once and never overwritten.
# Run it again after an upgrade. It starts nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-/etc/taqseem-proxy}

command -v haproxy > /dev/null || {
    echo "install.sh: haproxy is missing (2.6 or later): apt-get install haproxy" >&2
    exit 69
}
install -d -m 755 "$target"
install -m 644 "$here/haproxy.cfg" "$here/routes.map" "$here/tunnel.ssh_config" "$target"
for name in users.map proxy.env; do
    [ -e "$target/$name" ] || install -m 644 "$here/$name.example" "$target/$name"
done

if [ "$target" = /etc/taqseem-proxy ]; then
    id taqseem-proxy > /dev/null 2>&1 ||
        useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin taqseem-proxy
    install -m 644 "$here/taqseem-proxy.service" "$here/taqseem-tunnel.service" /etc/systemd/system
fi

missing=
[ -e "$target/ca.pem" ] || missing="$missing
  ca.pem       the authority that issued the portal's certificate: certificates.sh ca"
[ -e "$target/server.pem" ] || missing="$missing
  server.pem   the proxy's own certificate and key: certificates.sh server HOST"
[ -e "$target/current.pem" ] || missing="$missing
  current.pem  the public key of the portal for this site, as the portal's site_key_make printed it"
if [ -n "$missing" ]; then
    echo "Still to come into $target:$missing"
    exit 1
fi
# Two keys are valid at once only while they are changed.
[ -e "$target/next.pem" ] || cp "$target/current.pem" "$target/next.pem"
cmp -s "$target/current.pem" "$target/next.pem" ||
    echo "Two keys of the portal are valid: current.pem and next.pem. Remove next.pem when the change is over."
chmod 600 "$target/server.pem"
[ "$target" != /etc/taqseem-proxy ] || chown taqseem-proxy: "$target/server.pem"

set -a
# shellcheck disable=SC1091 # settings, VARIABLE=value
. "$target/proxy.env"
export TAQSEEM_DIR="$target"
haproxy -c -q -f "$target/haproxy.cfg"
grep -qE '^[^#[:space:]]+[[:space:]]+(job|operator)' "$target/users.map" ||
    echo "Nobody is in $target/users.map yet: every request will be refused."
echo "Ready: systemctl enable --now taqseem-proxy, or systemctl reload taqseem-proxy if it runs."
