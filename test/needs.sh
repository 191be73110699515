#!/bin/bash
# Makes sure that what the tests need is there, and prints the path of the pg_config to test with.
#
#   test/needs.sh [regress|isolation|tap|versions|pgtap|clients|lint ...]     what these parts need; all of them when none is named
#
# Installs what is missing where there is apt, as root or by sudo; elsewhere says what to install and fails. The
# extensions and programs with which the TAP tests run ours, pgTAP and the clients are taken where they are to be had;
# without one its tests are skipped. TG_CLIENTS names the clients to install; all when it is not set.
# PG_CONFIG selects the server; a path of Debian's (/usr/lib/postgresql/17/bin/pg_config) also the one to install.
set -u -o pipefail

parts=" ${*:-regress isolation tap pgtap clients lint} "
test_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
clients=$test_dir/clients
# shellcheck source=test/lib/packages.sh
. "$test_dir/lib/packages.sh"
trap allow_main_cluster EXIT
trap 'exit 130' INT TERM

# The packages, by their Debian names, that the parts need and that are not found.
needed_packages() {
	if [[ $parts == *" lint "* ]]; then
		command -v shellcheck >/dev/null || echo shellcheck
		command -v pg_bsd_indent >/dev/null || echo pg-bsd-indent
	fi
	[ "$parts" != " lint " ] || return 0
	perl -MIPC::Run -MTest::More -e 1 2>/dev/null || echo libipc-run-perl
	missing_packages
}

# The packages, of Debian, whose absence only skips tests: extensions to be beside, clients.
useful_packages() {
	local bindir name beside=(pgaudit set-user plpgsql-check cron)
	bindir=$("$pg_config" --bindir)
	if [[ $bindir =~ ^/usr/lib/postgresql/([0-9]+)/bin$ ]]; then
		# docs/partner-extensions.md is about 15. PostGIS comes with 40 packages: its tests run where it is installed.
		[ "${BASH_REMATCH[1]}" != 15 ] || beside+=(partman periods repack)
		[[ $parts != *" tap "* || -e $("$pg_config" --sharedir)/extension/vector.control ]] || echo "postgresql-${BASH_REMATCH[1]}-pgvector"
		[[ $parts != *" tap "* && $parts != *" versions "* ]] || for name in "${beside[@]}"; do
			[ -n "$(find "$("$pg_config" --pkglibdir)" -name "*${name/-/_}*.so" -print -quit)" ] || echo "postgresql-${BASH_REMATCH[1]}-$name"
		done
		[[ $parts != *" pgtap "* || -e $("$pg_config" --sharedir)/extension/pgtap.control ]] || echo "postgresql-${BASH_REMATCH[1]}-pgtap"
	fi
	[[ $parts != *" pgtap "* ]] || command -v pg_prove >&2 || echo libtap-parser-sourcehandler-pgtap-perl
	# The packages are for Debian's own Python.
	[[ $parts != *" tap "* ]] || /usr/bin/python3 -c 'import django, psycopg2' || printf '%s\n' python3-django python3-psycopg2
} 2>/dev/null

# Only from apt's present lists and without a question: nobody needs them.
install_useful_packages() {
	local name
	command -v apt-get >/dev/null || return
	for name in $(useful_packages); do
		# no "| grep -q": it ends before apt-cache does, which pipefail takes for "not to be had"
		[[ $(LC_ALL=C apt-cache policy "$name") == *"Candidate: "[0-9]* ]] || continue
		apt_get install --no-install-recommends "$name" || echo "could not install $name: its tests are skipped"
	done
}

# No daemon starts with its package: PgBouncer's tests start their own.
without_daemons() {
	local policy=/usr/sbin/policy-rc.d status
	if [ -e $policy ]; then "$@"; return; fi
	printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null && as_root chmod 755 $policy
	"$@"
	status=$?
	as_root rm -f $policy
	return $status
}

# All at once, and where that fails one by one, so that one that is not to be had does not take the others along.
install_clients() {
	local package packages install=(apt_get install --no-install-recommends)
	local names=${TG_CLIENTS:-$(cd "$clients" && echo */)}
	[[ $parts == *" clients "* ]] && command -v apt-get >/dev/null || return
	# shellcheck disable=SC2086 # a list of clients
	mapfile -t packages < <("$clients/missing.sh" ${names//\// })
	[ ${#packages[@]} -gt 0 ] || return
	without_daemons "${install[@]}" "${packages[@]}" || { apt_get update && without_daemons "${install[@]}" "${packages[@]}"; } && return
	for package in "${packages[@]}"; do
		without_daemons "${install[@]}" "$package" || echo "could not install $package: its tests are skipped"
	done
}

find_postgres
# A server of one's own building is not apt's to complete.
if [ -n "${PG_CONFIG-}" ] && [[ $(missing_packages) == *postgresql* ]] && ! [[ $PG_CONFIG =~ ^/usr/(bin|lib/postgresql/[0-9]+/bin)/pg_config$ ]]; then
	echo "PG_CONFIG=$PG_CONFIG: there is no PostgreSQL, $oldest or later, with server, pgxs and headers" >&2
	exit 1
fi
mapfile -t missing < <(needed_packages)
if [ ${#missing[@]} -gt 0 ]; then
	can_install || { echo "please install (by Debian's names): ${missing[*]}" >&2; exit 1; }
	install_packages "${missing[@]}" >&2
	find_postgres
	mapfile -t missing < <(needed_packages)
	[ ${#missing[@]} -eq 0 ] || { echo "could not install: ${missing[*]}" >&2; exit 1; }
fi
sudo=(sudo -n)
install_useful_packages >&2
install_clients >&2
echo "$pg_config"
