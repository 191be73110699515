#!/usr/bin/perl
# Indents C files as PostgreSQL does, by pg_bsd_indent, which Debian has.
#
#   test/indent.pl [--check] <file>...    rewrites them; with --check shows what would change, and fails where something would
#
# PostgreSQL's own wrapper, pgindent, prepares files for pg_bsd_indent in the same way. It does not know compound literals,
# nor list loops without braces, which this tree has: here, the first are kept as they are written, and the second are
# shown to pg_bsd_indent as while loops. test/typedefs.list names PostgreSQL's types that the files use; their own it finds.

use strict;
use warnings;

use File::Temp;
use FindBin;

# PostgreSQL's options, except the length of a line: comments may be as long as in .editorconfig.
my @options = qw(-bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l150 -lp -lpl -nip -npro -sac -tpg -ts4);
my $loop = qr/foreach\w*|for_each_\w+|forboth|forthree/;
my $type = qr/(?:const )?(?:struct )?\w+(?:\s*\*)*(?:\[\])?/;
my ($braces, @literals, @loops);

$braces = qr/\{(?:[^{}]|(??{$braces}))*\}/;

# Each literal becomes a name, each list loop a while loop of the same width.
sub prepare
{
	my ($text) = @_;

	@literals = @loops = ();
	$text =~ s/\($type\) ?\K($braces)/push @literals, $1; "literal_$#literals"/ge;
	$text =~ s/^(\t+)($loop)\(/push @loops, $2; "$1while (" . 'Z' x (length($2) - 6)/gme;
	return $text;
}

# What follows the first line of a declaration's value stands one tab further in, as newer releases of pg_bsd_indent have it.
sub indent_values
{
	my ($text) = @_;

	$text =~ s{^((\t+)(?:const )?\w+\s+\**\w+(?:\[\w*\])? = [^;\n]*(?:[?:,]|&&|\|\||[-+*=])\n)(\2(?!\t)(?:"(?:[^"\\]|\\.)*"|[^;"])*;)}
		{my ($first, $rest) = ($1, $3); $rest =~ s/^/\t/gm; $first . $rest}gme;
	return $text;
}

sub restore
{
	my ($text) = @_;

	$text =~ s/while \(Z+(?=\w)/shift(@loops) . '('/ge;
	# The return type of a function has a line of its own.
	$text =~ s/^([A-Za-z_]\S*(?: \w+)*)[ \t]+\*$/$1 */gm;
	$text =~ s/,(?=\.\w+ = )/, /g;
	$text = indent_values($text);
	$text =~ s/(\) ?)literal_(\d+)\b/$1$literals[$2]/g;
	return $text;
}

sub contents
{
	my ($file) = @_;

	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

sub write_to
{
	my ($file, $text) = @_;

	open my $out, '>', $file or die "$file: $!\n";
	print $out $text;
	close $out or die "$file: $!\n";
}

# A file that lists PostgreSQL's types and those that src/ and the files define.
sub list_of_types
{
	my $temp = File::Temp->new;
	my $own = join "\n", map { contents($_) =~ /^\} (\w+);$/mg, contents($_) =~ /^typedef .*?(?:\(\*)?(\w+)(?:\) ?\(.*\))?;$/mg }
		@_, glob "$FindBin::Bin/../src/*.h $FindBin::Bin/../src/*/*.h";

	print $temp contents("$FindBin::Bin/typedefs.list"), "$own\n";
	$temp->flush;
	return $temp;
}

# Returns the text as it should be.
sub indented
{
	my ($text, $types) = @_;
	my $dir = File::Temp->newdir;

	write_to("$dir/in", prepare($text));
	my $said = qx{pg_bsd_indent "$dir/in" "$dir/out" @options -U"$types" 2>&1};
	die $said if $? || $said ne '';
	return restore(contents("$dir/out"));
}

my $check = @ARGV && $ARGV[0] eq '--check' && shift;
my $changed = 0;
my $types = list_of_types(@ARGV);

foreach my $file (@ARGV)
{
	my $old = contents($file);
	my $new = eval { indented($old, $types->filename) } // die "$file: $@";
	next if $old eq $new;
	$changed++;
	if (!$check) { write_to($file, $new); next; }
	my $temp = File::Temp->new;
	write_to($temp->filename, $new);
	system 'diff', '-u', '--label', $file, '--label', "$file, indented", $file, $temp->filename;
}
exit($check && $changed ? 1 : 0);
