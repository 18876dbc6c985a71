#!/bin/sh
# Run inside a fresh Debian tree: creates the users and installs Slurm. provision.sh "PACKAGES" "NAME:UID ..."
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d # no service may start on installation
chmod 755 /usr/sbin/policy-rc.d
{
    echo force-unsafe-io
    echo 'path-exclude=/usr/share/doc/*'
    echo 'path-exclude=/usr/share/man/*'
    echo 'path-exclude=/usr/share/locale/*'
} > /etc/dpkg/dpkg.cfg.d/lab
printf '127.0.0.1 localhost slurm-lab\n' > /etc/hosts

for user in $2; do
    groupadd --gid "${user#*:}" "${user%:*}"
    useradd --uid "${user#*:}" --gid "${user#*:}" --no-create-home --shell /bin/bash "${user%:*}" \
        --key UID_MAX=65000
done

# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $1
apt-get clean
rm -rf /var/lib/apt/lists/* "$0"
mkdir -p /lab
