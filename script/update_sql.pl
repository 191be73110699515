#!/usr/bin/perl
# Makes the script that updates from the newest version in script/released/ to the version in tenant_guard.control.
#
#   script/update_sql.pl --write                                                  tenant_guard--<old>--<new>.sql, as "make update-script" does
#   script/update_sql.pl --check                                                  says whether that is so
#   script/update_sql.pl <old install script> <new install script> <by hand>      prints that of other versions, for a test
#
# The update is made of the statements of the new install script that the old one lacks, in the order of the new: functions and views
# that are there are replaced, so that what users have made with them stays. What cannot be replaced stands in script/update.sql, which
# is run first: DROP FUNCTION of one that is gone or has other arguments, ALTER TYPE ... ADD ATTRIBUTE, REVOKE of what was granted. Each
# object that needs a statement there, and has none, is named, and nothing is printed. What has been dropped there is created again with its
# comment and privileges. DO blocks and SET are of an installation alone.
# test/t/054_update.pl compares what comes of it with a fresh installation.

use strict;
use warnings;

use FindBin;

my $root = "$FindBin::Bin/..";
my ($old_file, $new_file, $hand_file) = @ARGV;
my ($new_text, $new_version, $mode);

sub slurp
{
	my ($name) = @_;
	open my $file, '<', $name or die "$name: $!\n";
	local $/;
	return scalar <$file>;
}

sub by_number { return join('', map { sprintf '%09d', $_ } $_[0] =~ /(\d+)/g); }

sub version_in { return $_[0] =~ /--([0-9.]+)\.sql$/ ? $1 : die "$_[0]: has no version in its name\n"; }

if (@ARGV == 3)
{
	($new_text, $new_version) = (slurp($new_file), version_in($new_file));
}
else
{
	$mode = "@ARGV" =~ /^--(write|check)$/ ? $1 : die "script/update_sql.pl: --write, --check, or three files\n";
	($old_file) = sort { by_number($b) cmp by_number($a) } glob("$root/script/released/tenant_guard--*.sql");
	($new_version) = slurp("$root/tenant_guard.control") =~ /^default_version = '(.*)'/m;
	exit 0 if !$old_file || version_in($old_file) eq $new_version;
	$new_text = join('', map { slurp($_) } sort glob("$root/script/[0-9]*.sql $root/script/[0-9]*/*.sql"));
	$hand_file = "$root/script/update.sql";
}
my $old_version = version_in($old_file);
my $by_hand = slurp($hand_file);

# The statements of a script, without the comments before them.
sub statements
{
	my ($sql) = @_;
	my @statements;

	$sql =~ s/^\\.*\n//mg;
	while ($sql =~ /\G((?>--[^\n]*|\/\*.*?\*\/|'(?:[^']|'')*'|"[^"]*"|(\$\w*\$).*?\g{-1}|[^;'"\$\/-]|[\$\/-])*;)/gs)
	{
		my $statement = $1;

		$statement =~ s/\A(?:\s+|--[^\n]*\n|\/\*.*?\*\/)*//s;
		push @statements, $statement;
	}
	return @statements;
}

# "CREATE kind name" of a statement that makes an object; of a function, with its arguments, but not their defaults.
sub made_by
{
	my ($statement) = @_;
	my ($kind, $name, $rest) = $statement =~ /\ACREATE (?:UNIQUE )?(FUNCTION|PROCEDURE|VIEW|TYPE|EVENT TRIGGER|SCHEMA|TABLE|INDEX|SEQUENCE|DOMAIN) ([\w.]+)(.*)/s or return;

	return "$kind $name" if $kind !~ /FUNCTION|PROCEDURE/;
	my ($arguments) = $rest =~ /\A(\((?:[^()]|(?1))*\))/s;
	$arguments =~ s/\s+/ /g;
	$arguments =~ s/ (?:DEFAULT|=) (?:[^(),]|(\((?:[^()]|(?1))*\)))+//g;
	return "$kind $name$arguments";
}

sub without_arguments { return $_[0] =~ s/\(.*//sr; }

# Does script/update.sql do this to the object?
sub by_hand
{
	my ($verb, $object) = @_;
	my ($kind, $name) = without_arguments($object) =~ /^(.*) (\S+)$/;

	$name =~ s/^tenant_guard\.//;
	return $by_hand =~ /^$verb (?:$kind|ROUTINE) (?:IF EXISTS )?(?:tenant_guard\.)?\Q$name\E\b/m;
}

my @new = statements($new_text);
my (%old, %old_object, %new_object, @update, @open, $again);
foreach my $statement (statements(slurp($old_file)))
{
	my $object = made_by($statement);

	$old{$statement} = 1;
	$old_object{$object} = $statement if $object;
}
foreach my $statement (@new) { my $object = made_by($statement); $new_object{$object} = 1 if $object; }

foreach my $object (sort keys %old_object)
{
	push @open, "DROP " . without_arguments($object) . ": it is gone, or has other arguments" if !$new_object{$object} && !by_hand('DROP', $object);
}
foreach my $statement (@new)
{
	my $object = made_by($statement);

	if ($object)
	{
		$again = by_hand('DROP', $object);
		next if $old{$statement} && !$again;
		if ($old_object{$object} && !$again)
		{
			if ($object =~ /^(?:FUNCTION|PROCEDURE|VIEW) /) { $statement =~ s/\ACREATE /CREATE OR REPLACE /; }
			else { push @open, "ALTER or DROP $object: it has changed" if !by_hand('ALTER', $object); next; }
		}
		push @update, $statement;
	}
	elsif ($statement =~ /\A(?:GRANT|REVOKE)\b.* ON ALL /) { die "script/: name the objects, which an update cannot find out: $statement\n"; }
	elsif ($statement =~ /\A(?:DO|SET)\b/) { next; }
	elsif (!$old{$statement} || $again) { push @update, $statement; }
}
die join('', map { "script/update.sql lacks $_\n" } @open) if @open;

my $text = join('', <<"HEAD", map { "$_\n" } grep { $_ ne '' } $by_hand =~ s/\A(?:--[^\n]*\n)+\s*//r =~ s/\s+\z//r, @update);
/* made by script/update_sql.pl: what version $new_version has and $old_version has not; do not edit */

\\echo Use "ALTER EXTENSION tenant_guard UPDATE TO '$new_version'" to load this file. \\quit

SET LOCAL search_path = tenant_guard, pg_temp;
DO \$\$
BEGIN
	IF pg_catalog.string_to_array(tenant_guard.library_version(), '.')::int[] < pg_catalog.string_to_array('$new_version', '.')::int[] THEN
		RAISE EXCEPTION 'this session has loaded tenant_guard %, and this is version $new_version of the extension', tenant_guard.library_version()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Reconnect, or restart the server where shared_preload_libraries lists tenant_guard.';
	END IF;
END
\$\$;
HEAD

my $name = "tenant_guard--$old_version--$new_version.sql";
if (!$mode) { print $text; }
elsif ($mode eq 'check')
{
	die "$name:1: is not what script/ makes: run make update-script\n" if !-e "$root/$name" || slurp("$root/$name") ne $text;
}
else
{
	open my $file, '>', "$root/$name" or die "$name: $!\n";
	print $file $text;
	close $file or die "$name: $!\n";
	print "$name\n";
}
