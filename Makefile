# tenant_guard: PGXS build.
#
#   make && sudo make install     build and install
#   make installcheck             regression and isolation tests against a running server
#   make dist                     the archive for PGXN
#   test/run.sh                   all tests, on a server of their own

EXTENSION = tenant_guard
# The one place that says the version; test/lint.sh compares the others with it.
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(dir $(firstword $(MAKEFILE_LIST)))tenant_guard.control)
# The script of this version is made of pieces, and so is the script that updates to it; those of versions before stay as they are.
DATA_built = tenant_guard--$(EXTVERSION).sql
DATA = $(wildcard tenant_guard--*--*.sql)
MODULE_big = tenant_guard
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/*/*.c))
PG_CPPFLAGS = $(addprefix -I,$(wildcard src/*/))
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare
# Tokens are verified by OpenSSL.
SHLIB_LINK = -lcrypto
# Only what PostgreSQL calls is exported.
SHLIB_EXPORTS = exports.txt
PGFILEDESC = "tenant_guard - tenant isolation kept by the server"

# Every file in sql/ and test/specs/ is a test, so that none can be forgotten.
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
# In any cluster, whatever its encoding and locale, the tests' databases are these. The tests read test/setup/ from here.
REGRESS_OPTS = --inputdir=. --load-extension=tenant_guard --encoding=UTF8 --no-locale
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=output_iso --load-extension=tenant_guard --encoding=UTF8 --no-locale
REGRESS_PREP = superuser

EXTRA_CLEAN = output_iso tmp_check exports.list tenant_guard-*.zip

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

.PHONY: superuser
superuser:
	@sh test/superuser.sh '$(bindir)/psql'

# The TAP tests start servers of their own: not part of installcheck.
.PHONY: installcheck-tap
installcheck-tap: PROVE_TESTS = test/t/*.pl
installcheck-tap:
	$(prove_installcheck)

# The pieces in the order of their numbers: a view may use what stands before it.
tenant_guard--$(EXTVERSION).sql: $(sort $(wildcard script/[0-9]*.sql script/[0-9]*/*.sql))
	cat $^ >$@

# At a release, once: from then on databases hold what the scripts of this version make. test/lint.sh refuses a change of these.
.PHONY: release-script
release-script: tenant_guard--$(EXTVERSION).sql
	@if grep -qF ' script/released/$<' script/released/checksums; then echo '$< is released: set the next version' >&2; exit 1; fi
	cp $< script/released/
	sha256sum script/released/$< $(wildcard tenant_guard--*--$(EXTVERSION).sql) >>script/released/checksums

# From the version that was released last to this one. It is committed, as who builds needs no Perl.
.PHONY: update-script
update-script:
	perl script/update_sql.pl --write

# The rules of audit() without the extension. It is committed, since who uses it builds nothing.
audit.sql: script/audit_sql.pl $(sort $(wildcard script/82-audit/*.sql))
	perl $< >$@

# For PGXN: what is committed, and the script that META.json names.
.PHONY: dist
dist: name = tenant_guard-$(EXTVERSION).0
dist: tenant_guard--$(EXTVERSION).sql
	git archive --format=zip --prefix=$(name)/ --add-file=$< -o $(name).zip HEAD

# Bitcode too, or JIT would inline what a header no longer says.
$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h src/*/*.h)
