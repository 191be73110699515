#!/bin/bash
# test/clients/missing.sh <client>...: the Debian packages that these clients need and that are not found, one a line.
# A client's file "packages" names each with a command that succeeds where it is there, whoever installed it.
set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
cd / || exit 1 # Python would take a directory here, "django" say, for the package
export PATH=$PATH:/usr/sbin

for client in "$@"; do
	[ -e "$here/$client/packages" ] || continue
	while read -r package check; do
		bash -c "$check" >/dev/null 2>&1 </dev/null || echo "$package"
	done <"$here/$client/packages"
done | sort -u
