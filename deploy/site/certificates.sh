#!/bin/sh
# A private authority for one site and its portal: certificates.sh [-d DIR] ca | server HOST... | portal REQUEST
#   ca              makes ca.key and ca.pem, once; keep ca.key off the proxy's host
#   server HOST...  makes server.pem, certificate and key of the proxy under these host names or addresses
#   portal REQUEST  signs the portal's request (portal.csr) and makes portal.crt, to be sent back
# DAYS (default 397; for the authority 3650) says how long a certificate lives. Run again to renew.
set -eu
umask 077

directory=.
if [ "${1-}" = -d ]; then
    directory=$2
    shift 2
fi
verb=${1-}
[ $# -eq 0 ] || shift
cd "$directory"

fail() {
    echo "certificates.sh: $1" >&2
    exit 64
}

sign() { # sign REQUEST USAGE NAMES: the certificate to standard output
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n%s' \
        "$2" "${3:+subjectAltName=$3
}" > extensions
    openssl x509 -req -in "$1" -CA ca.pem -CAkey ca.key -CAcreateserial -sha256 -days "${DAYS:-397}" -extfile extensions
    rm extensions
}

case $verb in
ca)
    [ ! -e ca.key ] || fail "ca.key is there already: with another one every certificate would have to be made anew"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -out ca.pem \
        -subj "/CN=Taqseem site authority" -days "${DAYS:-3650}" -sha256 \
        -addext keyUsage=critical,keyCertSign,cRLSign
    ;;
server)
    [ $# -gt 0 ] || fail "under which host name does the portal reach the proxy?"
    names=
    for host in "$@"; do
        case $host in
        *:* | *[!0-9.]*) kind=DNS ;;
        *) kind=IP ;;
        esac
        names="${names:+$names,}$kind:$host"
    done
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout server.key -out server.csr -subj "/CN=$1"
    sign server.csr serverAuth "$names" > server.crt
    cat server.crt server.key > server.pem.new
    mv server.pem.new server.pem
    rm server.csr server.crt server.key
    ;;
portal)
    [ -r "${1-}" ] || fail "which request? The portal makes it, see docs/site-proxy.md"
    sign "$1" clientAuth "" > portal.crt
    openssl x509 -in portal.crt -noout -subject -enddate
    ;;
*)
    sed -n '2,6s/^# //p' "$0" >&2
    exit 64
    ;;
esac
