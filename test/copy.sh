#!/bin/bash
# test/copy.sh <directory>: copies the files that belong to the project there. Which ones: git's word for it, or
# everything but compiled files where git does not answer.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

list_files() {
	# a repository that this directory is somewhere in does not answer for it
	{ [ -e .git ] && git -c safe.directory='*' ls-files -co --exclude-standard 2>/dev/null; } ||
		find . -type f -not -path './.git/*' -not -name '*.o' -not -name '*.so' -not -name '*.bc'
}

# git also lists what was deleted and not yet committed.
list_files | while read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done | tar -cf - -T - | tar -xf - -C "$1"
