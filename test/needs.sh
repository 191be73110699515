#!/bin/bash
# Makes sure that what the tests need is there, and prints the path of the pg_config to test with.
#
#   test/needs.sh [regress|isolation|tap|versions|pgtap|clients|lint ...]     what these parts need; all of them when none is named
#
# Installs what is missing where there is apt, as root or by sudo; elsewhere says what to install and fails. The
# extensions and programs with which the TAP tests run ours, pgTAP and the clients are taken where they are to be had;
# without one its tests are skipped. TG_CLIENTS names the clients to install; all when it is not set.
# Another apt-get, as of unattended upgrades, is waited for.
# PG_CONFIG selects the server; a path of Debian's (/usr/lib/postgresql/17/bin/pg_config) also the one to install.
set -u -o pipefail

parts=" ${*:-regress isolation tap pgtap clients lint} "
clients=$(cd "$(dirname "${BASH_SOURCE[0]}")/clients" && pwd)
pg_config=${PG_CONFIG-}
as_root=()
install=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends)

# Without PG_CONFIG: the newest of Debian's directories, else the PATH's.
find_pg_config() {
	[ -n "$pg_config" ] || pg_config=$(find /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -V | tail -n 1)
	[ -n "$pg_config" ] || pg_config=$(command -v pg_config)
}

# A server, and what builds and tests an extension for it: pgxs and headers, which Debian has in different packages.
postgres_is_complete() {
	[ -n "$pg_config" ] && [ -x "$("$pg_config" --bindir)/postgres" ] && [ -f "$("$pg_config" --pgxs)" ] &&
		[ -f "$("$pg_config" --includedir-server)/postgres.h" ]
} 2>/dev/null

# The packages, by their Debian names, that are needed and not found.
missing_packages() {
	if [[ $parts == *" lint "* ]]; then
		command -v shellcheck >/dev/null || echo shellcheck
	fi
	[ "$parts" != " lint " ] || return 0
	command -v gcc >/dev/null || echo gcc
	command -v make >/dev/null || echo make
	perl -MIPC::Run -MTest::More -e 1 2>/dev/null || echo libipc-run-perl
	postgres_is_complete || printf '%s\n' postgresql postgresql-server-dev
}

# The PostgreSQL version to install: the one that PG_CONFIG or an installed server has, else the distribution's.
version_to_install() {
	if [[ $pg_config =~ ^/usr/lib/postgresql/([0-9]+)/ ]]; then
		echo "${BASH_REMATCH[1]}"
	else
		apt-cache depends postgresql | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
	fi
}

# Debian starts a cluster "main" with a newly installed server. The tests need none, so it is told not to; then the
# package's own setting is put back, for whoever installs a server next.
without_main_cluster() {
	local conf=/etc/postgresql-common/createcluster.conf shipped=/usr/share/postgresql-common/createcluster.conf status
	if [ -e "$conf" ] && ! cmp -s "$conf" "$shipped"; then "$@"; return; fi
	"${as_root[@]}" mkdir -p "${conf%/*}"
	echo 'create_main_cluster = false' | "${as_root[@]}" tee "$conf" >/dev/null
	"$@"
	status=$?
	if [ -e "$shipped" ]; then "${as_root[@]}" cp "$shipped" "$conf"; else "${as_root[@]}" rm -f "$conf"; fi
	return $status
}

install_packages() {
	local version package packages=()
	"${as_root[@]}" apt-get -q update || return 1
	version=$(version_to_install)
	for package in "$@"; do
		packages+=("${package/#postgresql*/$package-$version}")
	done
	without_main_cluster "${as_root[@]}" "${install[@]}" "${packages[@]}"
}

# The packages, of Debian, whose absence only skips tests: extensions to be beside, clients.
useful_packages() {
	local bindir name
	bindir=$("$pg_config" --bindir)
	if [[ $bindir =~ ^/usr/lib/postgresql/([0-9]+)/bin$ ]]; then
		[[ $parts != *" tap "* && $parts != *" versions "* ]] || for name in pgaudit set-user plpgsql-check cron; do
			[ -e "$("$pg_config" --pkglibdir)/${name/-/_}.so" ] || [ -e "$("$pg_config" --pkglibdir)/pg_$name.so" ] || echo "postgresql-${BASH_REMATCH[1]}-$name"
		done
		[[ $parts != *" pgtap "* || -e $("$pg_config" --sharedir)/extension/pgtap.control ]] || echo "postgresql-${BASH_REMATCH[1]}-pgtap"
	fi
	[[ $parts != *" pgtap "* ]] || command -v pg_prove >&2 || echo libtap-parser-sourcehandler-pgtap-perl
	# The packages are for Debian's own Python.
	[[ $parts != *" tap "* ]] || /usr/bin/python3 -c 'import django, psycopg2' || printf '%s\n' python3-django python3-psycopg2
} 2>/dev/null

# Only from apt's present lists and without a question: nobody needs them.
install_useful_packages() {
	local name become=()
	command -v apt-get >/dev/null || return
	[ "$(id -u)" -eq 0 ] || become=(sudo -n)
	for name in $(useful_packages); do
		# no "| grep -q": it ends before apt-cache does, which pipefail takes for "not to be had"
		[[ $(LC_ALL=C apt-cache policy "$name") == *"Candidate: "[0-9]* ]] || continue
		"${become[@]}" "${install[@]}" "$name" ||
			echo "could not install $name: its tests are skipped"
	done
}

# No daemon starts with its package: PgBouncer's tests start their own.
without_daemons() {
	local policy=/usr/sbin/policy-rc.d status
	if [ -e $policy ]; then "$@"; return; fi
	printf '#!/bin/sh\nexit 101\n' | "${become[@]}" tee $policy >/dev/null && "${become[@]}" chmod 755 $policy
	"$@"
	status=$?
	"${become[@]}" rm -f $policy
	return $status
}

# All at once, and where that fails one by one, so that one that is not to be had does not take the others along.
install_clients() {
	local package packages become=()
	local names=${TG_CLIENTS:-$(cd "$clients" && echo */)}
	[[ $parts == *" clients "* ]] && command -v apt-get >/dev/null || return
	# shellcheck disable=SC2086 # a list of clients
	mapfile -t packages < <("$clients/missing.sh" ${names//\// })
	[ ${#packages[@]} -gt 0 ] || return
	[ "$(id -u)" -eq 0 ] || become=(sudo -n)
	without_daemons "${become[@]}" "${install[@]}" "${packages[@]}" ||
		{ "${become[@]}" apt-get -q update && without_daemons "${become[@]}" "${install[@]}" "${packages[@]}"; } && return
	for package in "${packages[@]}"; do
		without_daemons "${become[@]}" "${install[@]}" "$package" || echo "could not install $package: its tests are skipped"
	done
}

# A server of one's own building is not apt's to complete.
if [ -n "$pg_config" ] && ! postgres_is_complete && ! [[ $pg_config =~ ^/usr/(bin|lib/postgresql/[0-9]+/bin)/pg_config$ ]]; then
	echo "PG_CONFIG=$pg_config: there is no PostgreSQL with server, pgxs and headers" >&2
	exit 1
fi
find_pg_config
missing=$(missing_packages)
if [ -n "$missing" ]; then
	[ "$(id -u)" -eq 0 ] || as_root=(sudo)
	if ! command -v apt-get >/dev/null || ! command -v "${as_root[0]-apt-get}" >/dev/null; then
		echo "please install (by Debian's names):" "${missing//$'\n'/, }" >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # a list of packages
	install_packages $missing </dev/null >&2
	find_pg_config
	missing=$(missing_packages)
	[ -z "$missing" ] || { echo "could not install:" "${missing//$'\n'/, }" >&2; exit 1; }
fi
install_useful_packages </dev/null >&2
install_clients </dev/null >&2
echo "$pg_config"
