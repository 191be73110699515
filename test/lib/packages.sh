# shellcheck shell=bash
#
# Finds a PostgreSQL that extensions can be built for, and installs what is missing where there is apt, as root or by sudo.
# Read by test/needs.sh and demo/server.sh, which have from it find_postgres, missing_packages, can_install, install_packages,
# and
#
#   pg_config    what PG_CONFIG says, or what was found; empty when there is no server
#   sudo         the command that stands for root, an array

oldest=15
pg_config='' no_cluster='' sudo=(sudo)

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else "${sudo[@]}" "$@"; fi; }

major() {
	local version
	version=$("$1" --version 2>/dev/null) || return
	version=${version#PostgreSQL }
	printf '%s' "${version%%[!0-9]*}"
}

has_server() { [ "$(major "$1")" -ge $oldest ] && [ -x "$("$1" --bindir)/initdb" ] && [ -x "$("$1" --bindir)/postgres" ]; } 2>/dev/null

has_headers() { [ -f "$("$1" --includedir-server)/postgres.h" ] && [ -f "$("$1" --includedir)/libpq-fe.h" ] && [ -f "$("$1" --pgxs)" ]; } 2>/dev/null

# Debian has a pg_config beside each version's server; the one in PATH may be for clients only.
candidates() {
	if [ -n "${PG_CONFIG-}" ]; then
		printf '%s\n' "$PG_CONFIG"
	else
		find /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -rV
		command -v pg_config
	fi
}

# The newest server that has its headers, or else the newest.
find_postgres() {
	local candidate
	pg_config=''
	while read -r candidate; do
		has_server "$candidate" || continue
		[ -n "$pg_config" ] || pg_config=$candidate
		has_headers "$candidate" || continue
		pg_config=$candidate
		return
	done < <(candidates)
}

# What builds and runs an extension and is not there, by its Debian name; PostgreSQL's without the version.
missing_packages() {
	command -v gcc >/dev/null || printf '%s\n' gcc libc6-dev
	command -v make >/dev/null || echo make
	echo '#include <openssl/evp.h>' | gcc -E -o /dev/null - 2>/dev/null || echo libssl-dev
	[ -n "$pg_config" ] || echo postgresql
	{ [ -n "$pg_config" ] && has_headers "$pg_config"; } || echo postgresql-server-dev
}

can_install() { command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || command -v "${sudo[0]}" >/dev/null; }; }

# Another apt-get, as of unattended upgrades, is waited for.
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" </dev/null; }

# Of the server that is there, or that PG_CONFIG names, or the distribution's.
version_to_install() {
	if [ -n "$pg_config" ]; then
		major "$pg_config"
	elif [[ ${PG_CONFIG-} =~ ^/usr/lib/postgresql/([0-9]+)/ ]]; then
		echo "${BASH_REMATCH[1]}"
	else
		apt-cache depends postgresql | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
	fi
}

# Debian's package would create a cluster and start it on port 5432: nobody asked for one.
without_main_cluster() {
	local status
	no_cluster=/etc/postgresql-common/createcluster.d/tenant_guard.conf
	as_root mkdir -p "${no_cluster%/*}" && echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
	"$@"
	status=$?
	allow_main_cluster
	return $status
}

# For whoever ends in the midst of it, too.
allow_main_cluster() {
	[ -n "$no_cluster" ] || return 0
	as_root rm -f "$no_cluster"
	as_root rmdir --ignore-fail-on-non-empty "${no_cluster%/*}"
	no_cluster=''
}

# install_packages <package...>: with apt's lists made fresh; a broken source among others is no reason to give up.
install_packages() {
	local version package packages=()
	apt_get update
	version=$(version_to_install)
	for package; do packages+=("${package/#postgresql*/$package-$version}"); done
	if [[ "$*" == *postgresql* ]] && [ "${version:-0}" -lt $oldest ]; then
		echo "this needs PostgreSQL $oldest or later, and the packages here have ${version:-none}: please add the PostgreSQL project's own packages (PGDG)"
		return 1
	fi
	without_main_cluster apt_get install --no-install-recommends "${packages[@]}"
}
