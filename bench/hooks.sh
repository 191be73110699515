#!/bin/bash
# What the library costs where nothing is guarded: pgbench, select-only on its own tables, on a server that preloads
# the library against one that does not, by turns.
#
#   bench/hooks.sh [rounds [seconds]]      by default 45 rounds of 1 second for each server and query mode
#
# Prints the medians of each and of their ratios, preloaded to plain. The servers run at once, and one of them is idle.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=bench/compare.sh
. "$(dirname "${BASH_SOURCE[0]}")/compare.sh"

rounds=${1-45} seconds=${2-1}

# shellcheck disable=SC2317,SC2329 # called by compare
run() { cost "$1" -c 2 -j 2 -S -M "$2" -T "$seconds"; }

make_copy
start_measured plain 5432 ''
start_measured preloaded 5433 tenant_guard
for port in 5432 5433; do
	as_owner pgbench -q -i -s 10 >/dev/null 2>&1 || fail "pgbench -i has failed"
done
for protocol in simple prepared; do compare "$rounds" $protocol plain preloaded; done
