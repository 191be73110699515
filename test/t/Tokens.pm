# Keys and signed tokens (JWT) for the TAP tests: made by Perl and the openssl program, apart from what verifies them.
package Tokens;

use strict;
use warnings;

use Digest::SHA 'hmac_sha256';
use Exporter 'import';
use IPC::Run;
use MIME::Base64 qw(decode_base64url encode_base64url);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(make_key key_set sign encoded token write_file);

my $dir = PostgreSQL::Test::Utils::tempdir();
my $count = 0;

# Runs openssl; returns what it prints.
sub openssl
{
	my @arguments = @_;
	my ($out, $err);

	IPC::Run::run([ 'openssl', @arguments ], '>', \$out, '2>', \$err) or die "openssl @arguments: $err";
	return $out;
}

sub write_file
{
	my ($path, $text, $mode) = @_;

	unlink $path;
	open my $file, '>:raw', $path or die "$path: $!";
	print $file $text;
	close $file;
	chmod $mode // 0644, $path;
	return $path;
}

# make_key(algorithm, kid): a new key. Its "jwk" is the public part as JSON, of HS256 the secret.
sub make_key
{
	my ($algorithm, $kid) = @_;
	my $file = "$dir/" . ++$count . '.pem';
	my $key = { algorithm => $algorithm, file => $file, kid => $kid };
	my $id = defined $kid ? qq(,"kid":"$kid") : '';

	if ($algorithm eq 'HS256')
	{
		$key->{secret} = join('', map { ('a' .. 'z')[rand 26] } 1 .. 40);
		$key->{jwk} = sprintf('{"kty":"oct","k":"%s"%s}', encode_base64url($key->{secret}), $id);
	}
	elsif ($algorithm eq 'RS256')
	{
		openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', $file);
		my ($modulus) = openssl('rsa', '-in', $file, '-noout', '-modulus') =~ /=(\w+)/;
		$key->{jwk} = sprintf('{"kty":"RSA","alg":"RS256","use":"sig","n":"%s","e":"AQAB"%s}', encode_base64url(pack('H*', $modulus)), $id);
	}
	elsif ($algorithm eq 'ES256')
	{
		openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', $file);
		my $point = substr(openssl('pkey', '-in', $file, '-pubout', '-outform', 'DER'), -64);
		$key->{jwk} = sprintf('{"kty":"EC","crv":"P-256","x":"%s","y":"%s"%s}', map({ encode_base64url($_) } unpack('a32a32', $point)), $id);
	}
	else
	{
		openssl('genpkey', '-algorithm', 'ed25519', '-out', $file);
		$key->{jwk} = sprintf('{"kty":"OKP","crv":"Ed25519","x":"%s"%s}', encode_base64url(substr(openssl('pkey', '-in', $file, '-pubout', '-outform', 'DER'), -32)), $id);
	}
	return $key;
}

sub key_set { return '{"keys":[' . join(',', map { ref $_ ? $_->{jwk} : $_ } @_) . ']}'; }

# The two numbers of an ECDSA signature in DER, as JOSE writes them: 32 bytes each.
sub raw_signature
{
	my ($der) = @_;
	my ($r, $s) = unpack('x2 x C/a x C/a', $der);

	return join('', map { substr(("\0" x 32) . $_, -32) } $r, $s);
}

sub sign
{
	my ($text, $key) = @_;
	my $file = "$dir/text";

	return hmac_sha256($text, $key->{secret}) if $key->{algorithm} eq 'HS256';
	write_file($file, $text);
	return openssl('pkeyutl', '-sign', '-inkey', $key->{file}, '-rawin', '-in', $file) if $key->{algorithm} eq 'EdDSA';
	my $signature = openssl('dgst', '-sha256', '-sign', $key->{file}, $file);
	return $key->{algorithm} eq 'ES256' ? raw_signature($signature) : $signature;
}

# encoded(header, claims, signature): a token of these texts, as they are.
sub encoded { return join('.', map { encode_base64url($_) } @_); }

# token(key, claims, header, signing key): both as JSON; the header is by default what the key wants.
sub token
{
	my ($key, $claims, $header, $signer) = @_;

	$header //= qq({"alg":"$key->{algorithm}","typ":"JWT") . (defined $key->{kid} ? qq(,"kid":"$key->{kid}"}) : '}');
	my $text = encoded($header, $claims);
	return "$text." . encode_base64url(sign($text, $signer // $key));
}

1;
