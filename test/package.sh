#!/bin/bash
# Debian's package for one version of PostgreSQL: built, and tested as a user has it. As root, on Debian.
#
#   test/package.sh build <directory>    builds it there, and one of a lower version; installs what that needs
#   test/package.sh test <directory>     installs that one with apt, upgrades it while a server runs, runs README's first
#                                        statements and "make installcheck" with what is installed, removes and purges it
#
# PG_VERSION selects the version; the newest server that is installed when it is not set. A "test" is for a system that is
# thrown away, as a chroot of test/matrix.sh: it installs the server, and refuses to where the package is installed already.
# The last line of a test is "N passed, N failed".
set -u -o pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
install=(apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends)
passed=0 failed=0

complain() { echo "test/package.sh: $*" >&2; exit 1; }

newest_server() { find /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sed 's|/usr/lib/postgresql/||; s|/.*||' | sort -V | tail -n 1; }

# install_packages <package...>: with fresh lists only where those that are there do not do.
install_packages() { "${install[@]}" "$@" || { apt-get -q update && "${install[@]}" "$@"; }; }

# What pg_buildext is in: a package of its own since Debian 13.
buildext() {
	if [[ $(apt-cache policy postgresql-common-dev) == *"Candidate: "[0-9]* ]]; then echo postgresql-common-dev; else echo postgresql-common; fi
}

# --- Building -----------------------------------------------------------------------------------------------------

# The package before is this one with a lower version, and says so in a file of its own, which the upgrade has to take away.
make_before() {
	local before=$directory/before
	rm -rf "$before" && dpkg-deb -R "$directory/${package}_"*.deb "$before" || return
	sed -i 's/^Version: .*/&~before/' "$before/DEBIAN/control" && touch "$before/usr/share/doc/$package/before" &&
		dpkg-deb --root-owner-group -b "$before" "$directory/before.deb" && rm -rf "$before"
}

# One version, whatever others the system has: hence without postgresql-server-dev-all (-d).
build() {
	install_packages debhelper dpkg-dev fakeroot "$(buildext)" "postgresql-server-dev-$version" || return
	rm -rf "$directory/source" && mkdir -p "$directory/source" && "$project/test/copy.sh" "$directory/source" || return
	(cd "$directory/source" && PG_SUPPORTED_VERSIONS=$version pg_buildext updatecontrol &&
		PG_SUPPORTED_VERSIONS=$version DEB_BUILD_OPTIONS="noautodbgsym parallel=$(nproc)" dpkg-buildpackage -d -b -us -uc) && make_before
}

# --- Testing ------------------------------------------------------------------------------------------------------

# check <name> <command...>
check() {
	local name=$1
	shift
	if "$@"; then
		echo "ok - $name"
		passed=$((passed + 1))
	else
		echo "not ok - $name"
		failed=$((failed + 1))
	fi
}

sql() { psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# README's first statements: they fail where their comments say so, by these words, and nowhere else.
first_screen() {
	local block said refused words
	# shellcheck disable=SC2016 # awk's, and Markdown's
	block=$(awk '/^```/ && inside { exit } inside { print } /^```sql$/ { inside = 1 }' "$project/README.md")
	refused=$(sed -n 's/.*-- ERROR: //p' <<<"$block")
	[[ $block == *"CREATE EXTENSION"* && -n $refused ]] && sql -c 'CREATE DATABASE first' || return
	said=$(psql -XAtq -d first -f - <<<"$block" 2>&1)
	echo "$said"
	[ "$(grep -c 'ERROR:' <<<"$said")" -eq "$(wc -l <<<"$refused")" ] || return
	while read -r words; do [[ $said == *"$words"* ]] || return; done <<<"$refused"
}

# rows <tenant>: what a session that did not exist before sees.
rows() { sql -d shop -c 'SET ROLE notes_app' -c BEGIN -c "SELECT tenant_guard.set_tenant('$1')" -c 'SELECT count(*) FROM notes' -c COMMIT | tail -n 1; }

a=aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa b=bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb

keeps_tenants_apart() { [ "$(rows $a)/$(rows $b)" = 1/2 ]; }

make_shop() {
	sql -c 'CREATE DATABASE shop' -c 'CREATE ROLE notes_app' && sql -d shop <<-END
		SET client_min_messages = error;
		CREATE EXTENSION tenant_guard;
		CREATE TABLE notes (id int, tenant_id uuid);
		GRANT ALL ON notes TO notes_app;
		SET tenant_guard.bypass = on;
		INSERT INTO notes VALUES (1, '$a'), (2, '$b'), (3, '$b');
	END
}

library_is_the_controls() {
	[ "$(sql -d shop -c 'SELECT tenant_guard.library_version()')" = "$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$project/tenant_guard.control")" ]
}

# The package's new library comes below a running server, and the server finds it when it starts again.
upgrade() {
	"${install[@]}" "$directory/${package}_"*.deb && [ ! -e "/usr/share/doc/$package/before" ]
}

restart() { pg_ctlcluster "$version" regress restart; }

# In the environment of pg_virtualenv, whose server preloads the library.
on_a_server() {
	check "the package before makes the extension" make_shop
	check "it keeps tenants apart" keeps_tenants_apart
	check "apt upgrades it while the server runs" upgrade
	check "a server that goes on keeps tenants apart" keeps_tenants_apart
	check "the server starts again" restart
	check "it keeps tenants apart then" keeps_tenants_apart
	check "the library is of the version that the control file says" library_is_the_controls
	check "README's first screen" first_screen
	echo "$passed passed, $failed failed"
}

# In a copy, where it leaves its results.
installcheck() {
	rm -rf "$directory/source" && mkdir -p "$directory/source" && "$project/test/copy.sh" "$directory/source" &&
		(cd "$directory/source" && debian/tests/installcheck) 2>&1 | tee "$directory/installcheck.log" || return
	[ "$(grep -cE 'All [0-9]+ tests passed' "$directory/installcheck.log")" -eq 4 ]
}

remove() {
	apt-get -q remove -y "$package" && [ ! -e "/usr/lib/postgresql/$version/lib/tenant_guard.so" ] && [ ! -e "/usr/share/postgresql/$version/extension/tenant_guard.control" ]
}

nothing_is_left() { [ -z "$(find /usr /etc /var \( -name '*tenant_guard*' -o -name '*tenant-guard*' \) -not -path '/var/cache/*' -print)" ]; }

# Installed once more: of what is removed apt knows nothing, as it keeps no configuration.
purge() {
	"${install[@]}" "$directory/${package}_"*.deb && apt-get -q purge -y "$package" && ! dpkg-query -W "$package" 2>/dev/null && nothing_is_left
}

add_tally() {
	local tally
	tally=$(tail -n 1 "$1")
	if [[ $tally =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
	else
		echo "not ok - a server starts"
		failed=$((failed + 1))
	fi
}

test_package() {
	! dpkg-query -W "$package" >/dev/null 2>&1 || complain "$package is installed here: test it in a system that is thrown away"
	apt-get -q update
	install_packages make "$(buildext)" "postgresql-$version" || complain "there is no PostgreSQL $version"
	check "apt installs the package before" "${install[@]}" "$directory/before.deb"
	pg_virtualenv -v "$version" -o shared_preload_libraries=tenant_guard "$0" server "$directory" 2>&1 | tee "$directory/server.log" | grep -v '^[0-9]* passed, '
	add_tally <(grep -E '^[0-9]+ passed, ' "$directory/server.log")
	check "make installcheck, with the package as installed, preloaded and not" installcheck
	check "apt removes it" remove
	check "apt purges it, and nothing is left" purge
	printf '\n%s passed, %s failed\n' $passed $failed
	[ $failed -eq 0 ]
}

[ $# -eq 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || complain "this needs root"
exec </dev/null
version=${PG_VERSION:-$(newest_server)} directory=$(realpath -m "$2")
[ -n "$version" ] || complain "set PG_VERSION: no server is installed"
package=postgresql-$version-tenant-guard
mkdir -p "$directory" || exit 1
export PG_VERSION=$version
case $1 in
	build) build ;;
	test) test_package ;;
	server) on_a_server ;;
	*) complain "unknown: $1" ;;
esac
