#!/bin/bash
# The same tests on another server version, in a chroot with the Debian that has it. Needs root.
#
#   test/matrix.sh 17                             makes a chroot, tests in it, removes it
#   test/matrix.sh make <directory> 17 [parts]    only makes it, below the directory, or what is missing of it
#   test/matrix.sh test <directory> 17 [parts]    only tests, in a chroot that is there
#   test/matrix.sh package <directory> 17         builds Debian's package in a chroot that is there, and tests it there (test/package.sh)
#   test/matrix.sh upgrade <directory> 17 [15...] upgrades to it from these versions, of this machine or of other chroots (test/upgrade.sh)
#   test/matrix.sh pack <directory> 17 <file>     packs its server for that
#   test/matrix.sh remove <directory> 17          only removes it
#
# The parts are test/run.sh's ("regress,versions"), and so is the last line of a test.
set -u -o pipefail

test_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
declare -A suites=([17]=trixie [18]=forky [19]=forky)
declare -A beside=([19]=experimental) # the suite that has this server's packages, where it is another

complain() {
	echo "test/matrix.sh: $*" >&2
	exit 1
}

# The mirror that this machine's apt uses; debootstrap has its own when this prints nothing.
mirror() {
	# shellcheck disable=SC2016 # apt's variable, not the shell's
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main' |
		head -n 1
}

# Chroots may be made at once; the second waits for the first one's apt-get, and finds it installed.
install_debootstrap() { apt-get -q -o DPkg::Lock::Timeout=600 install -y debootstrap; }

# The chroot of an older version with the same Debian is copied: whatever is installed there is not installed again.
bootstrap() {
	local script='' other
	for other in "${!suites[@]}"; do
		if [ "$other" -lt "$version" ] && [ "${suites[$other]}" = "$suite" ] && [ -x "${root%-*}-$other/usr/bin/dpkg" ]; then
			cp -a --one-file-system "${root%-*}-$other" "$root" && return
			rm -rf --one-file-system "$root"
		fi
	done
	command -v debootstrap >/dev/null || install_debootstrap || { apt-get -q update && install_debootstrap; } || return
	# An older debootstrap does not know the newest suites by name; all are made as sid is.
	[ -e "/usr/share/debootstrap/scripts/$suite" ] || script=sid
	mkdir -p "$root" && debootstrap --variant=minbase "$suite" "$root" "$(mirror)" $script
}

# add_suite <suite>: of it apt takes the server of this version, its libpq and its extensions, and nothing else.
add_suite() {
	sed "s/ $suite / $1 /" "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.d/$1.list"
	printf '%s\n' "Package: src:postgresql-$version postgresql-$version-*" "Pin: release a=$1" 'Pin-Priority: 990' '' \
		'Package: *' "Pin: release a=$1" 'Pin-Priority: -1' >"$root/etc/apt/preferences.d/matrix"
}

# The chroot's apt reaches the network as the machine's does. A mirror may be a snapshot, whose lists are out of
# date. Nobody needs this disk's content after a power cut, so dpkg need not wait for it.
configure() {
	apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-Date)' >"$root/etc/apt/apt.conf.d/99matrix"
	echo 'Acquire::Check-Valid-Until "false";' >>"$root/etc/apt/apt.conf.d/99matrix"
	[ -z "${beside[$version]-}" ] || add_suite "${beside[$version]}" || return
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/matrix"
}

# PostgreSQL needs /dev/shm, building needs /proc.
mount_all() {
	mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" || return
	mkdir -p "$root/dev/shm" && { mountpoint -q "$root/dev/shm" || mount -t tmpfs tmpfs "$root/dev/shm"; }
}

# Drivers and frameworks in the versions of this Debian, and PgBouncer's, which knows prepared statements; those of npm and JDBC are
# the same everywhere, and heavy.
export TG_CLIENTS="${TG_CLIENTS-psycopg2 psycopg3 django sqlalchemy activerecord pgbouncer}" SOAK_TRANSACTIONS="${SOAK_TRANSACTIONS-100000}"

copy_project() { rm -rf "$root/project" && mkdir "$root/project" && "$test_dir/copy.sh" "$root/project"; }

# Runs a command in the chroot, where PG_CONFIG says which server to test, and to install if it is not there.
inside() { env -u TMPDIR PG_CONFIG="/usr/lib/postgresql/$version/bin/pg_config" chroot "$root" "$@"; }

make_chroot() {
	[ -x "$root/usr/bin/dpkg" ] || bootstrap || return
	# shellcheck disable=SC2086 # a list of parts
	mount_all && configure && copy_project && inside /project/test/needs.sh ${parts//,/ }
}

test_in_chroot() {
	[ -x "$root/usr/bin/dpkg" ] || complain "there is no chroot for PostgreSQL $version in $root"
	mount_all && copy_project && inside /project/test/run.sh "$parts"
}

package_in_chroot() {
	mount_all && copy_project && export PG_VERSION=$version &&
		inside /project/test/package.sh build /package && inside /project/test/package.sh test /package
}

# upgrade_in_chroot <directory> <older version...>: each is packed in its chroot, or is the server of this machine.
upgrade_in_chroot() {
	local older packed files=()
	for older in "${@:2}"; do
		[ "$older" -lt "$version" ] || continue
		packed=$1/packed-$older
		if [ -n "${suites[$older]-}" ]; then
			"$0" pack "$1" "$older" "$packed"
		else
			PG_CONFIG="/usr/lib/postgresql/$older/bin/pg_config" "$test_dir/upgrade.sh" pack "$packed"
		fi && mv "$packed" "$root/" && files+=("/packed-$older") || return
	done
	mount_all && copy_project && inside /project/test/upgrade.sh test "${files[@]}"
}

# pack_in_chroot <file>
pack_in_chroot() { mount_all && copy_project && inside /project/test/upgrade.sh pack /packed && mv "$root/packed" "$1"; }

# Processes that still run there are of an interrupted run. Nothing that is still mounted is removed.
remove_chroot() {
	local process
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/root")" != "$root" ] || kill -KILL "${process#/proc/}"
	done
	umount "$root/dev/shm" "$root/proc" 2>/dev/null
	rm -rf --one-file-system "$root"
}

# select_version <directory> <version>
select_version() {
	version=$2
	suite=${suites[$2]-}
	[ -n "$suite" ] || complain "the versions are ${!suites[*]}"
	root=$(realpath -m "$1/postgresql-$version")
}

[ "$(id -u)" -eq 0 ] || complain "this needs root"
exec </dev/null
parts=${4-regress,isolation,tap,pgtap,clients,demo}
case ${1-}/$# in
	make/[34]) select_version "$2" "$3" && make_chroot ;;
	test/[34]) select_version "$2" "$3" && test_in_chroot ;;
	package/3) select_version "$2" "$3" && package_in_chroot ;;
	pack/4) select_version "$2" "$3" && pack_in_chroot "$4" ;;
	upgrade/*) select_version "$2" "$3" && upgrade_in_chroot "$(realpath "$2")" "${@:4}" ;;
	remove/3) select_version "$2" "$3" && remove_chroot ;;
	*/1)
		directory=$(mktemp -d) && select_version "$directory" "$1" || exit 1
		trap 'remove_chroot; rmdir "$directory"' EXIT
		make_chroot && test_in_chroot
		;;
	*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
