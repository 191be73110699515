#!/bin/sh
# test/superuser.sh <psql>: whether "make installcheck" reaches a server, and as a superuser of it; if not, says what to do.
answer=$("$1" -XAtq -d postgres -c "SELECT CASE WHEN rolsuper THEN 'superuser' ELSE 'role \"' || rolname || '\" is no superuser' END FROM pg_roles WHERE rolname = current_user" 2>&1 </dev/null)
[ "$answer" != superuser ] || exit 0
cat >&2 <<END
make installcheck needs a running server, and a superuser of it:
    $answer
Run it as the user of the server (in a directory that this user can write to):  sudo -u postgres make installcheck
or connect as another superuser:                                                PGUSER=... PGHOST=... make installcheck
or, where Debian's postgresql-common is, on a server that is thrown away:       pg_virtualenv make installcheck
test/run.sh runs all tests on servers of its own.
END
exit 1
