#!/bin/bash
# What the library costs where nothing is guarded: pgbench, select-only on its own tables, on a server that preloads
# the library against one that does not, by turns.
#
#   bench/hooks.sh [rounds [seconds]]      by default 9 rounds of 10 seconds for each server and query mode
#
# Prints the medians of each and their ratio, preloaded to plain: transactions per second, and the processor time that
# the server took for one, which says more where others use the machine. The servers run at once, and one of them is
# idle.
set -u -o pipefail

rounds=${1-9} seconds=${2-10}
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# shellcheck disable=SC2317,SC2329 # called by compare
run() { measure "$1" -S -M "$2" -T "$seconds"; }

make_copy || fail "test/run.sh has left no PostgreSQL to measure"
{ start plain 5432 '' && start preloaded 5433 tenant_guard; } || fail "a server does not start"
for server in plain preloaded; do
	as_owner pgbench -q -i -s 10 -p "${port[$server]}" </dev/null >/dev/null 2>&1 || fail "pgbench -i has failed"
done
compare simple plain preloaded "$rounds"
compare prepared plain preloaded "$rounds"
