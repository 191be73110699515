# Signed tokens: each rule by which one is refused, and the reason that it gives; the vectors of RFC 7515 and RFC 8037; tokens that
# libraries of others make; files of keys that change, are missing, unreadable or garbage; and how a token behaves as a setting.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use MIME::Base64 qw(decode_base64url encode_base64url);
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;
use Tokens;

plan skip_all => 'the openssl program is not there' unless eval { IPC::Run::run([ 'openssl', 'version' ], '>', '/dev/null', '2>', '/dev/null') };

my $dir = PostgreSQL::Test::Utils::tempdir();
chmod 0755, $dir;
my ($jwks, $secrets) = ("$dir/jwks.json", "$dir/secret");
my ($rsa, $ec, $ed) = (make_key('RS256', 'rsa'), make_key('ES256', 'ec'), make_key('EdDSA', 'ed'));
my ($hs, $stranger) = (make_key('HS256'), make_key('RS256', 'rsa'));

write_file($jwks, key_set($rsa, $ec, $ed));
write_file($secrets, "$hs->{secret}\n", 0600);
my $node = start_server('tokens', conf => <<"CONF");
tenant_guard.jwks_file = '$jwks'
tenant_guard.token_secret_file = '$secrets'
tenant_guard.token_issuer = 'https://issuer.example'
tenant_guard.token_audience = 'orders'
tenant_guard.token_leeway = 0
CONF
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE TABLE t (tenant_id uuid, body text);
BEGIN;
SET LOCAL tenant_guard.bypass = on;
INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b');
COMMIT;
GRANT SELECT, INSERT, DELETE ON t TO app;
CREATE FUNCTION refusal(token text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	said text;
BEGIN
	RETURN 'taken: ' || tenant_guard.set_tenant_by_token(token);
EXCEPTION WHEN SQLSTATE 'TG008' THEN
	GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
	RETURN said;
END \$\$;
SQL

my $look = 'SELECT string_agg(body, \' \' ORDER BY body) FROM t;';
my $now = time;

sub app { return says($node, 'postgres', 'app', @_); }
sub in_transaction { my ($sql, @rest) = @_; return app("BEGIN; $sql; ROLLBACK;", @rest); }
sub literal { return q(') . $_[0] =~ s/'/''/gr . q('); }

# claims(name => JSON, ...): the claims of a good token, with these changed; undef leaves one out.
sub claims
{
	my %with = @_;
	my %claims = (iss => '"https://issuer.example"', aud => '"orders"', exp => $now + 3600, iat => $now - 10, tenant_id => qq("$TENANT_A"), %with);

	return '{' . join(',', map { qq("$_":$claims{$_}) } grep { defined $claims{$_} } sort keys %claims) . '}';
}

# refusals(settings, [what, token, reason]...): judges them in one session.
sub refusals
{
	my ($settings, @tokens) = @_;
	my $sql = join('', map { "SELECT refusal(" . literal($_->[1]) . ");\n" } @tokens);
	my @said = split /; /, superuser_says($node, 'postgres', "SET tenant_guard.bypass = on; $settings $sql");

	is(scalar @said, scalar @tokens, 'each token has an answer') or diag explain \@said;
	like(shift @said, qr/^$_->[2]/, $_->[0]) foreach @tokens;
}

# ----------------------------------------------------------------
# Good tokens

my %good = map { $_->{algorithm} => token($_, claims()) } $rsa, $ec, $ed, $hs;

is(in_transaction("SELECT tenant_guard.set_tenant_by_token('$good{$_}'); $look"), "$TENANT_A; of a", "$_ names the tenant") foreach sort keys %good;
is(in_transaction("SET LOCAL tenant_guard.token = '$good{RS256}'; $look"), 'of a', 'so does SET LOCAL');

# ----------------------------------------------------------------
# Bad ones

my ($header, $claims, $signature) = split /\./, $good{RS256};
my $rsa_header = '{"alg":"RS256","kid":"rsa"';
my $long = 'x' x 8200;
my $nested = ('[' x 40) . (']' x 40);
my $public = $rsa->{jwk};
my ($not_encoded, $bad_header, $bad_claims) = ('The token is not three parts', "The token's header is not a JSON object", "The token's claims are not a JSON object");
my ($twice_header, $twice, $brings) = ("The token's header has a name twice", "The token's claims have a name twice", "The token's header has a key");
my ($wrong_algorithm, $wrong_signature, $bad_time) = ("The token's algorithm is not the key's", "The token's signature is not the key's", "The token's exp, nbf or iat is not a number");
my ($lacks, $no_scalar, $other_type) = ('The token lacks the claim', "The token's claim of the tenant is not a string", "The token's claim of the tenant is not of the type");

# what is changed after it was signed
sub other_signature { my ($token, $change) = @_; my @part = split /\./, $token, -1; my $bytes = decode_base64url($part[2]); $change->($bytes) for $bytes; return "$part[0].$part[1]." . encode_base64url($_[2] // $bytes); }
my ($flipped) = map { my $s = decode_base64url($signature); substr($s, 100, 1) ^= "\1"; "$header.$claims." . encode_base64url($s) } 1;

refusals('',
	# the form
	['no token at all', 'x', $not_encoded],
	['empty parts', '..', "The token's header is not a JSON object"],
	['a part alone', $header, $not_encoded],
	['two parts', "$header.$claims", $not_encoded],
	['four parts', "$good{RS256}.$signature", $not_encoded],
	['with Bearer', "Bearer $good{RS256}", $not_encoded],
	['with a blank at its end', "$good{RS256} ", $not_encoded],
	['with a line end', "$good{RS256}\n", $not_encoded],
	['padded signature', "$good{RS256}==", $not_encoded],
	['padded header', "$header=.$claims.$signature", $not_encoded],
	['base64 that is not of URLs', $good{RS256} =~ s/\.[^.]*\z/'.' . ('+\/' x 10)/er, $not_encoded],
	['a header of one character too many', "${header}A.$claims.$signature", 'The token'],
	['bits left over', (substr($good{RS256}, 0, -1) . 'B'), $not_encoded],
	['a signature cut by a character', substr($good{RS256}, 0, -1), 'The token'],
	['cut in its claims', substr($good{RS256}, 0, length($header) + 20), $not_encoded],
	['longer than 8 kB', "$header.$claims.$long", 'The token is longer than 8 kB'],
	['8 kB of dots', '.' x 8192, 'The token'],
	['characters that are not ASCII', "\x{c3}\x{a9}.$claims.$signature", $not_encoded],

	# the header
	['a header that is no JSON', token($rsa, claims(), 'alg'), $bad_header],
	['an empty header', token($rsa, claims(), ''), $bad_header],
	['a header that is an array', token($rsa, claims(), '["RS256"]'), $bad_header],
	['a header that is a string', token($rsa, claims(), '"RS256"'), $bad_header],
	['a header with something after it', token($rsa, claims(), "$rsa_header} x"), $bad_header],
	['a header cut off', token($rsa, claims(), $rsa_header), $bad_header],
	['a header without an algorithm', token($rsa, claims(), '{"kid":"rsa"}'), $bad_header],
	['an algorithm that is a number', token($rsa, claims(), '{"alg":256,"kid":"rsa"}'), $bad_header],
	['an algorithm that is null', token($rsa, claims(), '{"alg":null,"kid":"rsa"}'), $bad_header],
	['a kid that is a number', token($rsa, claims(), '{"alg":"RS256","kid":1}'), $bad_header],
	['a header with 0x00', token($rsa, claims(), "$rsa_header,\"x\":\"\0\"}"), $bad_header],
	['a header with an escaped 0x00', token($rsa, claims(), "$rsa_header,\"x\":\"\\u0000\"}"), $bad_header],
	['a header that is not UTF-8', token($rsa, claims(), "$rsa_header,\"x\":\"\xff\"}"), $bad_header],
	['a header with half a character', token($rsa, claims(), "$rsa_header,\"x\":\"\\ud800\"}"), $bad_header],
	['a header with the other half', token($rsa, claims(), "$rsa_header,\"x\":\"\\udc00\"}"), $bad_header],
	['a header nested too deep', token($rsa, claims(), "$rsa_header,\"x\":$nested}"), $bad_header],
	['the algorithm twice', token($rsa, claims(), '{"alg":"none","kid":"rsa","alg":"RS256"}'), $twice_header],
	['a name twice, once escaped', token($rsa, claims(), '{"alg":"RS256","kid":"rsa","\u0061lg":"none"}'), $twice_header],
	['a name twice below', token($rsa, claims(), "$rsa_header,\"x\":{\"a\":1,\"a\":1}}"), $twice_header],
	['jku', token($rsa, claims(), "$rsa_header,\"jku\":\"https://issuer.example/jwks\"}"), $brings],
	['jwk', token($rsa, claims(), "$rsa_header,\"jwk\":$public}"), $brings],
	['a null jwk', token($rsa, claims(), "$rsa_header,\"jwk\":null}"), $brings],
	['jwk of another key', token($rsa, claims(), "$rsa_header,\"jwk\":$stranger->{jwk}}", $stranger), $brings],
	['x5u', token($rsa, claims(), "$rsa_header,\"x5u\":\"https://issuer.example/x\"}"), $brings],
	['x5c', token($rsa, claims(), "$rsa_header,\"x5c\":[\"AAAA\"]}"), $brings],
	['crit', token($rsa, claims(), "$rsa_header,\"crit\":[\"exp\"],\"exp\":1}"), "The token's header has crit"],
	['crit with b64', token($rsa, claims(), "$rsa_header,\"crit\":[\"b64\"],\"b64\":false}"), "The token's header has crit"],
	['empty crit', token($rsa, claims(), "$rsa_header,\"crit\":[]}"), "The token's header has crit"],

	# the key and the algorithm
	['none', encoded('{"alg":"none"}', claims(), ''), $wrong_algorithm],
	['none, with a kid', encoded('{"alg":"none","kid":"rsa"}', claims(), ''), $wrong_algorithm],
	['None', encoded('{"alg":"None","kid":"rsa"}', claims(), ''), $wrong_algorithm],
	['none, with a signature', token($rsa, claims(), '{"alg":"none","kid":"rsa"}'), $wrong_algorithm],
	['an algorithm that there is not', token($rsa, claims(), '{"alg":"RS257","kid":"rsa"}'), $wrong_algorithm],
	['an algorithm in lower case', token($rsa, claims(), '{"alg":"rs256","kid":"rsa"}'), $wrong_algorithm],
	['an empty algorithm', token($rsa, claims(), '{"alg":"","kid":"rsa"}'), $wrong_algorithm],
	['a longer hash', token($rsa, claims(), '{"alg":"RS512","kid":"rsa"}'), $wrong_algorithm],
	['another algorithm of the key', token($rsa, claims(), '{"alg":"PS256","kid":"rsa"}'), $wrong_algorithm],
	['HS256 by a public key', token({ %$hs, secret => $public }, claims(), '{"alg":"HS256","kid":"rsa"}'), $wrong_algorithm],
	['HS256 by a public key, without a kid', token({ %$hs, secret => $public }, claims(), '{"alg":"HS256"}'), $wrong_signature],
	['HS512', token($hs, claims(), '{"alg":"HS512"}'), $wrong_algorithm],
	['the algorithm of another key', token($rsa, claims(), '{"alg":"ES256","kid":"rsa"}'), $wrong_algorithm],
	['the key of another algorithm', token($rsa, claims(), '{"alg":"RS256","kid":"ec"}'), $wrong_algorithm],
	['EdDSA with an EC key', token($ec, claims(), '{"alg":"EdDSA","kid":"ec"}'), $wrong_algorithm],
	['a kid that no key has', token($rsa, claims(), '{"alg":"RS256","kid":"rsa2"}'), "The token's header has a kid that no key has"],
	['an empty kid', token($rsa, claims(), '{"alg":"RS256","kid":""}'), "The token's header has a kid that no key has"],
	['a kid with a path', token($rsa, claims(), '{"alg":"RS256","kid":"../../../etc/passwd"}'), "The token's header has a kid that no key has"],
	['a kid with SQL', token($rsa, claims(), q({"alg":"RS256","kid":"x' OR true --"})), "The token's header has a kid that no key has"],
	['a secret with a kid that it has not', token($hs, claims(), '{"alg":"HS256","kid":"x"}'), "The token's header has a kid that no key has"],
	['no kid, among several keys', token($rsa, claims(), '{"alg":"RS256"}'), $wrong_algorithm],
	['signed by another key', token($rsa, claims(), undef, $stranger), $wrong_signature],
	['a flipped bit of the signature', $flipped, $wrong_signature],
	['no signature', "$header.$claims.", $wrong_signature],
	['a short signature', "$header.$claims.AAAA", $wrong_signature],
	['a signature of zeros', "$header.$claims." . encode_base64url("\0" x 256), $wrong_signature],
	['a signature too long for any key', "$header.$claims." . ('A' x 4000), $wrong_signature],
	['another signature\'s claims', join('.', $header, encode_base64url(claims(tenant_id => qq("$TENANT_B"))), $signature), $wrong_signature],
	['another header', join('.', encode_base64url('{"kid":"rsa","alg":"RS256"}'), $claims, $signature), $wrong_signature],
	['ES256 with zeros', join('.', (split /\./, $good{ES256})[0, 1], encode_base64url("\0" x 64)), $wrong_signature],
	['ES256 with r = n', join('.', (split /\./, $good{ES256})[0, 1], encode_base64url(pack('H*', 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551' x 2))), $wrong_signature],
	['ES256 in DER', do { my @p = split /\./, $good{ES256}; my $s = decode_base64url($p[2]); "$p[0].$p[1]." . encode_base64url("\x30\x44\x02\x20" . substr($s, 0, 32) . "\x02\x20" . substr($s, 32)) }, $wrong_signature],
	['ES256 with a byte more', do { my @p = split /\./, $good{ES256}; "$p[0].$p[1]." . encode_base64url(decode_base64url($p[2]) . "\0") }, $wrong_signature],
	['EdDSA with zeros', join('.', (split /\./, $good{EdDSA})[0, 1], encode_base64url("\0" x 64)), $wrong_signature],
	['EdDSA cut', join('.', (split /\./, $good{EdDSA})[0, 1], encode_base64url(substr(decode_base64url((split /\./, $good{EdDSA})[2]), 0, 63))), $wrong_signature],
	['HS256 cut', join('.', (split /\./, $good{HS256})[0, 1], encode_base64url(substr(decode_base64url((split /\./, $good{HS256})[2]), 0, 16))), $wrong_signature],
	['HS256 by another secret', token({ %$hs, secret => 'x' x 40 }, claims()), $wrong_signature],
	['HS256 by a part of the secret', token({ %$hs, secret => substr($hs->{secret}, 0, -1) }, claims()), $wrong_signature],

	# the claims
	['claims that are no JSON', token($rsa, 'hello'), $bad_claims],
	['no claims', token($rsa, ''), $bad_claims],
	['claims that are an array', token($rsa, '[]'), $bad_claims],
	['claims that are a number', token($rsa, '1'), $bad_claims],
	['claims that are a token', token($rsa, $good{RS256}), $bad_claims],
	['claims with 0x00', token($rsa, claims(tenant_id => qq("$TENANT_A\0"))), $bad_claims],
	['claims with an escaped 0x00', token($rsa, claims(tenant_id => qq("$TENANT_A\\u0000"))), $bad_claims],
	['claims that are not UTF-8', token($rsa, claims(name => "\"\xc3\"")), $bad_claims],
	['claims nested too deep', token($rsa, claims(name => $nested)), $bad_claims],
	['claims with a comment', token($rsa, claims(name => '1/* */')), $bad_claims],
	['claims with NaN', token($rsa, claims(exp => 'NaN')), $bad_claims],
	['claims with a comma too many', token($rsa, claims() =~ s/\}\z/,}/r), $bad_claims],
	['the tenant twice', token($rsa, claims() =~ s/\}\z/,"tenant_id":"$TENANT_B"}/r), $twice],
	['the tenant twice, once escaped', token($rsa, claims() =~ s/\}\z/,"tenant\\u005fid":"$TENANT_B"}/r), $twice],
	['exp twice', token($rsa, claims() =~ s/\}\z/,"exp":1}/r), $twice],
	['a name twice below', token($rsa, claims(x => '[{"a":{"b":1,"b":1}}]')), $twice],

	# times
	['no exp', token($rsa, claims(exp => undef)), 'The token has no exp'],
	['exp null', token($rsa, claims(exp => 'null')), $bad_time],
	['exp a string', token($rsa, claims(exp => '"' . ($now + 3600) . '"')), $bad_time],
	['exp a date', token($rsa, claims(exp => '"2099-01-01"')), $bad_time],
	['exp true', token($rsa, claims(exp => 'true')), $bad_time],
	['exp an array', token($rsa, claims(exp => '[' . ($now + 3600) . ']')), $bad_time],
	['exp negative', token($rsa, claims(exp => -1)), $bad_time],
	['exp with an exponent', token($rsa, claims(exp => '1e99')), $bad_time],
	['exp in milliseconds', token($rsa, claims(exp => $now . '000')), $bad_time],
	['exp of a hundred digits', token($rsa, claims(exp => '9' x 100)), $bad_time],
	['exp of 2^64', token($rsa, claims(exp => '18446744073709551616')), $bad_time],
	['exp 0', token($rsa, claims(exp => 0)), 'The token has expired'],
	['expired a second ago', token($rsa, claims(exp => $now - 1)), 'The token has expired'],
	['expiring now', token($rsa, claims(exp => $now)), 'The token has expired'],
	['nbf in the future', token($rsa, claims(nbf => $now + 60)), 'The token is not valid yet'],
	['nbf a string', token($rsa, claims(nbf => '"0"')), $bad_time],
	['iat in the future', token($rsa, claims(iat => $now + 60)), "The token's iat is in the future"],
	['iat an object', token($rsa, claims(iat => '{}')), $bad_time],

	# who issued it, and for whom
	['no iss', token($rsa, claims(iss => undef)), "The token's iss"],
	['another iss', token($rsa, claims(iss => '"https://issuer.example/"')), "The token's iss"],
	['iss an array', token($rsa, claims(iss => '["https://issuer.example"]')), "The token's iss"],
	['no aud', token($rsa, claims(aud => undef)), "The token's aud"],
	['another aud', token($rsa, claims(aud => '"order"')), "The token's aud"],
	['aud with others', token($rsa, claims(aud => '["a","b"]')), "The token's aud"],
	['aud empty', token($rsa, claims(aud => '[]')), "The token's aud"],
	['aud nested', token($rsa, claims(aud => '[["orders"]]')), "The token's aud"],
	['aud an object', token($rsa, claims(aud => '{"orders":"orders"}')), "The token's aud"],

	# the tenant
	['no tenant', token($rsa, claims(tenant_id => undef)), $lacks],
	['tenant null', token($rsa, claims(tenant_id => 'null')), $lacks],
	['tenant elsewhere', token($rsa, claims(tenant_id => undef, x => qq({"tenant_id":"$TENANT_A"}))), $lacks],
	['tenant in another spelling of the name', token($rsa, claims(tenant_id => undef, Tenant_Id => qq("$TENANT_A"))), $lacks],
	['tenant an array', token($rsa, claims(tenant_id => qq(["$TENANT_A"]))), $no_scalar],
	['tenant an object', token($rsa, claims(tenant_id => qq({"id":"$TENANT_A"}))), $no_scalar],
	['tenant true', token($rsa, claims(tenant_id => 'true')), $no_scalar],
	['tenant empty', token($rsa, claims(tenant_id => '""')), $no_scalar],
	['tenant a word', token($rsa, claims(tenant_id => '"system"')), $other_type],
	['tenant a number', token($rsa, claims(tenant_id => 42)), $other_type],
	['tenant with a blank', token($rsa, claims(tenant_id => qq("$TENANT_A "))), $other_type],
	['tenant a list in a string', token($rsa, claims(tenant_id => qq("$TENANT_A,$TENANT_B"))), $other_type],
);

# ----------------------------------------------------------------
# What is accepted beside the plainest token

refusals('',
	['a uuid in upper case', token($rsa, claims(tenant_id => '"' . uc($TENANT_A) . '"')), "taken: $TENANT_A"],
	['exp with a fraction', token($rsa, claims(exp => ($now + 3600) . '.75')), 'taken: '],
	['aud among others', token($rsa, claims(aud => '["a","orders"]')), 'taken: '],
	['nbf and iat now', token($rsa, claims(nbf => $now, iat => $now)), 'taken: '],
	['white space and escapes', token($rsa, claims(name => qq( "\\u00e9 \\ud83d\\ude00 \\n" )) =~ s/,/,\r\n\t /gr), 'taken: '],
	['a header with names that mean nothing here', token($rsa, claims(), "$rsa_header,\"typ\":\"at+jwt\",\"x5t\":\"abc\",\"zip\":1}"), 'taken: '],
	['Ed25519, the new name of EdDSA', token($ed, claims(), '{"alg":"Ed25519","kid":"ed"}'), 'taken: '],
	['the largest token', token($rsa, claims(pad => '"' . 'x' x 5500 . '"')), 'taken: '],
);

# Leeway, age, no issuer, no audience.
refusals('SET tenant_guard.token_leeway = 30; SET tenant_guard.token_max_age = 3600;',
	['expired a second ago, with leeway', token($rsa, claims(exp => $now - 1)), 'taken: '],
	['expired a minute ago', token($rsa, claims(exp => $now - 60)), 'The token has expired'],
	['nbf in some seconds', token($rsa, claims(nbf => $now + 20)), 'taken: '],
	['iat in some seconds', token($rsa, claims(iat => $now + 20)), 'taken: '],
	['issued an hour ago', token($rsa, claims(iat => $now - 3590)), 'taken: '],
	['issued longer ago', token($rsa, claims(iat => $now - 3640)), 'The token was issued longer ago'],
	['no iat', token($rsa, claims(iat => undef)), 'The token has no iat'],
);
refusals("SET tenant_guard.token_issuer = ''; SET tenant_guard.token_audience = '';",
	['no iss, no aud', token($rsa, claims(iss => undef, aud => undef)), 'taken: '],
	['any iss', token($rsa, claims(iss => '"x"', aud => undef)), 'taken: '],
	['aud, and we have no name', token($rsa, claims()), "The token's aud"],
);

# The claim is a path.
my $namespaced = claims(tenant_id => undef, 'https://example.com/tenant' => qq("$TENANT_A"), app_metadata => qq({"tenant_id":"$TENANT_B","a.b":{"c":"$TENANT_A"}}));
for (['app_metadata.tenant_id', "taken: $TENANT_B"], ['"https://example.com/tenant"', "taken: $TENANT_A"], ['app_metadata."a.b".c', "taken: $TENANT_A"],
	['app_metadata', $no_scalar], ['app_metadata.tenant_id.x', $lacks], ['aud.0', $lacks], ['x', $lacks])
{
	refusals('SET tenant_guard.token_claim = ' . literal($_->[0]) . ';', ["claim $_->[0]", token($rsa, $namespaced), $_->[1]]);
}
is(superuser_says($node, 'postgres', 'SET tenant_guard.token_claim = ' . literal($_)), 'ERROR 22023', "'$_' is no path") foreach '', '.', 'a.', '.a', 'a..b', '"a', '"a"b', 'a"b';

# The other types of tenants.
my %of = map { $_->[0] => token($rsa, claims(tenant_id => $_->[1])) }
	['number', 42], ['text', '"42"'], ['fraction', '42.0'], ['exponent', '42e0'], ['large', '9223372036854775808'], ['minus', '-7'], ['word', '"acme"'], ['accent', '"caf\u00e9"'], ['uuid', qq("$TENANT_A")], ['upper', '"' . uc($TENANT_A) . '"'];
refusals("SET tenant_guard.tenant_type = 'bigint';",
	['a number for bigint', $of{number}, 'taken: 42'], ['a text for bigint', $of{text}, 'taken: 42'], ['minus', $of{minus}, 'taken: -7'],
	map { ["no bigint: $_", $of{$_}, $other_type] } qw(fraction exponent large word uuid));
refusals("SET tenant_guard.tenant_type = 'text';",
	['a text', $of{word}, 'taken: acme'], ['a number is no text', $of{number}, $other_type], ['not ASCII', $of{accent}, "taken: caf\x{c3}\x{a9}"],
	['a uuid', $of{uuid}, "taken: $TENANT_A"], ['a uuid spelled otherwise', $of{upper}, $other_type]);

# ----------------------------------------------------------------
# The examples of RFC 7515 (A.1 to A.3) and RFC 8037 (A.4): their signatures fit, so that they are refused for what they say

my %rfc = (
	secret => 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
	n => 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-'
	  . 'bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
	claims => 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
	rs256 => 'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07'
	  . 'Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw',
);
my @rfc = (
	['A.1', "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.$rfc{claims}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", 'The token has expired'],
	['A.2', "eyJhbGciOiJSUzI1NiJ9.$rfc{claims}.$rfc{rs256}", 'The token has expired'],
	['A.3', "eyJhbGciOiJFUzI1NiJ9.$rfc{claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", 'The token has expired'],
	['RFC 8037, A.4', 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg', $bad_claims],
);
my $by_rfc = sprintf(q(SET tenant_guard.jwks_file = '%s'; SET tenant_guard.token_secret_file = '%s'; SET tenant_guard.token_claim = iss; SET tenant_guard.token_issuer = joe; SET tenant_guard.token_audience = ''; SET tenant_guard.tenant_type = text;),
	write_file("$dir/rfc.json", key_set(qq({"kty":"RSA","n":"$rfc{n}","e":"AQAB"}), '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
			'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}')),
	write_file("$dir/rfc.secret", key_set(qq({"kty":"oct","k":"$rfc{secret}"})), 0600));
refusals($by_rfc, @rfc);
# the first character of the signature is changed
refusals($by_rfc, map { [ "$_->[0] changed", $_->[1] =~ s/\.\K(.)(?=[^.]*\z)/$1 eq 'A' ? 'B' : 'A'/er, $wrong_signature ] } @rfc);

# ----------------------------------------------------------------
# PyJWT

SKIP:
{
	my $python = <<'PYTHON';
import jwt, sys
for algorithm, key, kid in (a.split(':') for a in sys.argv[2:]):
    print(jwt.encode(__import__('json').loads(sys.argv[1]), key if algorithm == 'HS256' else open(key).read(), algorithm, {'kid': kid} if kid else None))
PYTHON
	my ($out, $err) = ('', '');
	my $ran = eval { IPC::Run::run([ '/usr/bin/python3', '-c', $python, claims(), map { join ':', $_->{algorithm}, $_->{secret} // $_->{file}, $_->{kid} // '' } $rsa, $ec, $ed, $hs ], '>', \$out, '2>', \$err) };
	skip "no PyJWT here", 5 unless $ran;
	refusals('', map { ['PyJWT', $_, "taken: $TENANT_A"] } split /\n/, $out);
}

# ----------------------------------------------------------------
# Files

my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
sub in_session { my ($token) = @_; return session_says($session, "SELECT refusal('$token');"); }
my ($old, $new) = ($good{RS256}, token($stranger, claims()));

is(in_session($old), "taken: $TENANT_A", 'a session reads the keys');
my $second = make_key('RS256', 'rsa2');
my $by_second = token($second, claims());
like(in_session($by_second), qr/kid that no key has/, 'which do not have a later one');
write_file($jwks, key_set($rsa, $second, $ec, $ed));
is(in_session($by_second), "taken: $TENANT_A", 'a key is added: the session reads the file again');
is(in_session($old), "taken: $TENANT_A", 'the old one is still there');
write_file($jwks, key_set($second, $ec, $ed));
like(in_session($old), qr/kid that no key has/, 'a key is taken out: its tokens are refused, also the one that was taken before');
is(in_session($by_second), "taken: $TENANT_A", 'those of the new one are not');
rename(write_file("$dir/new.json", key_set($stranger)), $jwks);
is(in_session($new), "taken: $TENANT_A", 'the file is replaced by another');
like(in_session($old), qr/signature is not the key's/, 'whose key has the same kid');

# A secret is replaced: for a while both are there.
write_file($secrets, "$hs->{secret}\r\n\n" . 'n' x 32 . "\n", 0600);
my $by_new_secret = token({ %$hs, secret => 'n' x 32 }, claims());
is(in_session($_), "taken: $TENANT_A", 'both secrets') foreach $by_new_secret, $good{HS256};
write_file($secrets, 'n' x 32, 0600);
is(in_session($by_new_secret), "taken: $TENANT_A", 'the new one alone');
like(in_session($good{HS256}), qr/signature is not the key's/, 'is the only one');

# unreadable(what, reason in the log): no token is accepted.
sub unreadable
{
	my ($what, $reason) = @_;
	my $offset = -s $node->logfile;

	is(in_session($new), 'The keys cannot be read, so no token is accepted.', $what);
	like(in_session($by_new_secret), qr/keys cannot be read/, "$what: nor by the other file");
	my $log = slurp_file($node->logfile, $offset);
	like($log, qr/could not read the keys in file "[^"]+": \Q$reason\E/, "$what: the log says why");
	is(scalar(() = $log =~ /could not read the keys/g), 1, "$what: once");
	unlike($log, qr/nnnnnnnn|"kty"/, "$what: and nothing of the file");
	rmdir $jwks;
	write_file($jwks, key_set($stranger));
	write_file($secrets, 'n' x 32, 0600);
	is(in_session($_), "taken: $TENANT_A", "$what: until it is as before") foreach $new, $by_new_secret;
}
unlink $jwks;
unreadable('the file is missing', 'No such file or directory');
write_file($jwks, 'garbage');
unreadable('it is garbage', 'it is not a JSON Web Key Set');
write_file($jwks, '');
unreadable('it is empty', 'it is not a JSON Web Key Set');
write_file($jwks, '{"keys":{}}');
unreadable('it has no list of keys', 'it is not a JSON Web Key Set');
write_file($jwks, '{"keys":[]}');
unreadable('the list is empty', 'it has no key');
write_file($jwks, key_set(map { $stranger->{jwk} =~ s/$_/"x"/r } '"n"', '"sig"', '"RS256"', '"AQAB"', '"RSA"'));
unreadable('no key can be used', 'it has no key');
write_file($jwks, key_set(make_key('HS256', 'x')));
unreadable('a secret among the public keys', 'it has no key');
write_file($jwks, key_set('{"kty":"RSA","e":"AQAB","n":"' . encode_base64url("\xff" x 128) . '"}'));
unreadable('the key is too short', 'it has no key');
write_file($jwks, key_set($stranger->{jwk} =~ s/\}\z/,"d":"AQ"}/r));
unreadable('a private key', 'it has a private key');
write_file($jwks, key_set($stranger, $rsa));
unreadable('a kid twice', 'two keys of one type have the same kid');
write_file($jwks, '{"keys":[{"kty":"RSA","kty":"EC"}]}');
unreadable('a name twice', 'it has a name twice in an object');
write_file($jwks, key_set(map { make_key('EdDSA', $_) } 1 .. 33));
unreadable('too many keys', 'it has too many keys');
write_file($jwks, key_set($stranger) . ' ' x 70000);
unreadable('too large a file', 'it is larger than 64 kB');
write_file($jwks, key_set($stranger), 0666);
unreadable('everyone can write to it', 'everyone can write to it');
unlink $jwks;
mkdir $jwks;
unreadable('a directory', 'it is not a regular file');
write_file($jwks, key_set($stranger), 0000);
SKIP:
{
	skip 'the superuser of the system reads everything', 7 if $> == 0;
	unreadable('no permission', 'Permission denied');
}
unlink $jwks;
write_file($jwks, key_set('{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}', '{"kty":"new"}', '{}', '1', make_key('RS256', 'x')->{jwk} =~ s/"sig"/"enc"/r, $stranger));
is(in_session($new), "taken: $TENANT_A", 'keys of other kinds are passed over');
write_file($secrets, 'n' x 32, 0640);
unreadable('the secret can be read by the group', 'it has group or world access');
write_file($secrets, 'short', 0600);
unreadable('the secret is short', 'a secret is shorter than 32 bytes');
write_file($secrets, "\n\n", 0600);
unreadable('there is no secret', 'it has no secret');
write_file($secrets, key_set($rsa), 0600);
unreadable('a public key among the secrets', 'it has no key');
write_file($secrets, key_set(make_key('HS256', 'a'), make_key('HS256', 'a')), 0600);
unreadable('a secret\'s kid twice', 'two keys of one type have the same kid');
my ($named, $other_named) = (make_key('HS256', 'a'), make_key('HS256', 'b'));
write_file($secrets, key_set($named, $other_named), 0600);
is(in_session(token($_, claims())), "taken: $TENANT_A", 'secrets can have a kid') foreach $named, $other_named;
like(in_session(token($named, claims(), undef, $other_named)), qr/signature is not the key's/, 'which must fit');
$session->quit;

# Settings that are changed by a reload.
write_file($jwks, key_set($rsa, $ec, $ed));
$session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
is(in_session($old), "taken: $TENANT_A", 'before the reload');
$node->append_conf('postgresql.conf', "tenant_guard.jwks_file = ''\ntenant_guard.token_secret_file = ''");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('tenant_guard.jwks_file') = ''");
is(in_session($old), 'There is no key: neither parameter "tenant_guard.jwks_file" nor "tenant_guard.token_secret_file" is set.', 'no file at all');
$node->append_conf('postgresql.conf', "tenant_guard.jwks_file = '$jwks'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('tenant_guard.jwks_file') <> ''");
is(in_session($old), "taken: $TENANT_A", 'and one again');
write_file($jwks, key_set($rsa));
is(in_session(token($rsa, claims(), '{"alg":"RS256"}')), "taken: $TENANT_A", 'the only key needs no kid');
write_file($jwks, key_set($rsa, $ec));
like(in_session(token($rsa, claims(), '{"alg":"RS256"}')), qr/no kid/, 'one of two does');
write_file($jwks, key_set($rsa, $ec, $ed));
$session->quit;

# ----------------------------------------------------------------
# A setting like others

my $set = "SET LOCAL tenant_guard.token = '$old'";
my $of_b = token($rsa, claims(tenant_id => qq("$TENANT_B")));
my $renewed = token($ec, claims(exp => $now + 7200));
my $bad = "$old.";

is(in_transaction("$set; SHOW tenant_guard.token; SELECT current_setting('tenant_guard.token'), count(*) FROM pg_settings WHERE name = 'tenant_guard.token'"), '********; ********|0', 'nothing shows it');
is(app("SHOW tenant_guard.token"), '', 'none is shown as none');
is(in_transaction("SELECT set_config('tenant_guard.token', '$old', true); $look"), '********; of a', 'set_config() sets it');
is(in_transaction("SET LOCAL tenant_guard.token = '$bad'"), 'ERROR TG008', 'a bad one is refused when it is set');
is(in_transaction("$set; SAVEPOINT s; SET LOCAL tenant_guard.token = '$bad'; ROLLBACK TO s; $look"), 'ERROR TG008; of a', 'and leaves the one before');
is(in_transaction("$set; SET LOCAL tenant_guard.token = '$of_b'"), 'ERROR TG002', 'another tenant is refused');
is(in_transaction("$set; $look SET LOCAL tenant_guard.token = '$renewed'; $look"), 'of a; of a', 'another token of the same is not');
is(in_transaction("$set; SET LOCAL tenant_guard.tenant_id = '$TENANT_B'"), 'ERROR TG002', 'nor another tenant without a token');
is(in_transaction("$set; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; $look"), 'of a', 'the same can be set beside it');
is(in_transaction("$set; RESET tenant_guard.token; $look"), 'ERROR TG001', 'RESET unsets it');
is(in_transaction("$set; $look SELECT tenant_guard.clear_tenant(); $look"), 'of a; ; ERROR TG001', 'so does clear_tenant()');
is(in_transaction("SAVEPOINT s; $set; ROLLBACK TO s; SET LOCAL tenant_guard.token = '$of_b'; $look"), 'of b', 'what was rolled back unused does not count');
is(in_transaction("SAVEPOINT s; $set; $look ROLLBACK TO s; SET LOCAL tenant_guard.token = '$of_b'"), 'of a; ERROR TG002', 'what was used does');
is(in_transaction("$set; SAVEPOINT s; SET LOCAL tenant_guard.token = '$renewed'; ROLLBACK TO s; $look"), 'of a', 'the first is there again after ROLLBACK TO');
is(app("BEGIN; $set; COMMIT; $look"), 'ERROR TG001', 'SET LOCAL ends with the transaction');
is(app("SET tenant_guard.token = '$old'; $look"), 'ERROR TG006', 'SET is stale in the next transaction');
is(app("SET tenant_guard.token = '$old'; BEGIN; SET LOCAL tenant_guard.token = '$of_b'; $look ROLLBACK; $look"), 'of b; ERROR TG006', 'and makes room for another');
is(app("SET tenant_guard.token = '$old'; DISCARD ALL; $look"), 'ERROR TG001', 'DISCARD ALL unsets it');
is(app("$set"), 'WARNING 25P01', 'SET LOCAL outside of a transaction has no effect');
is(app("SELECT tenant_guard.set_tenant_by_token('$old')"), "WARNING 25P01; $TENANT_A", 'nor has the function');
is(app("SELECT tenant_guard.set_tenant_by_token('$old', false); $look"), "$TENANT_A; ERROR TG006", 'for the session');
is(in_transaction("SELECT tenant_guard.set_tenant_by_token(NULL)"), 'ERROR 22004', 'null is no token');
is(in_transaction("SELECT tenant_guard.set_tenant_by_token('$old', NULL)"), 'ERROR 22004', 'null is not local or not');
is(in_transaction("SELECT tenant_guard.set_tenant_by_token('')"), 'ERROR TG008', 'nor is the empty string one');
is(in_transaction("$set; $look", '-c tenant_guard.tenant_id=' . $TENANT_B), 'of a', 'it overrides what comes from below the session');
is(app($look, "-c tenant_guard.token=$old"), 'of a', 'it can come from there');
is(app("$look $look SELECT tenant_guard.has_tenant(), tenant_guard.token_claims()->>'iss'", "-c tenant_guard.token=$old"), 'of a; of a; t|https://issuer.example', 'for every transaction');
is(app("SELECT tenant_guard.has_tenant(); $look", "-c tenant_guard.token=$bad"), 'f; ERROR TG008', 'a bad one is refused when it is used');
is(in_transaction("$set; $look", "-c tenant_guard.token=$bad"), 'of a', 'and a good one can override it');
is(app("ALTER ROLE CURRENT_USER SET tenant_guard.token = '$old'"), 'ERROR 42501', 'a role does not store it');
is(superuser_says($node, 'postgres', "CREATE FUNCTION of_b() RETURNS text LANGUAGE sql SET tenant_guard.token = '$of_b' AS 'SELECT body FROM t'"), '', 'a function can set it');
is(app('SELECT of_b()'), 'of b', 'which is verified when it is called');
is(in_transaction("$set; SELECT of_b()"), 'ERROR TG002', 'and is not another tenant\'s');
is(app("SET tenant_guard.token = '$old'; SET ROLE app; SET tenant_guard.token_issuer = ''"), 'ERROR 42501', 'its rules are a superuser\'s');
is(app('SHOW tenant_guard.token_secret_file'), 'ERROR 42501', 'and where the secrets are');
is(in_transaction("$set; PREPARE p AS $look EXECUTE p; ROLLBACK; BEGIN; SET LOCAL tenant_guard.token = '$of_b'; EXECUTE p"), 'of a; of b', 'a prepared statement goes from tenant to tenant');

# The claims.
my $rich = token($rsa, claims(role => '"admin"', name => '"Zo\u00eb \ud83d\ude00"', n => '{"a":[1,2.5,null]}'));
is(in_transaction("SET LOCAL tenant_guard.token = '$rich'; SELECT tenant_guard.token_claims()->>'role', tenant_guard.token_claims()->>'name', tenant_guard.token_claims()#>'{n,a}'"),
	"admin|Zo\x{c3}\x{ab} \x{f0}\x{9f}\x{98}\x{80}|[1, 2.5, null]", 'token_claims() has the claims');
is(in_transaction('SELECT tenant_guard.token_claims() IS NULL'), 't', 'null without a tenant');
is(in_transaction("SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SELECT tenant_guard.token_claims() IS NULL"), 't', 'or where another setting names it');
is(in_transaction("SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SELECT tenant_guard.token_claims() IS NULL", "-c tenant_guard.token=$old"), 't', 'and overrides the token');
is(app("SET tenant_guard.token = '$old'; SELECT tenant_guard.token_claims()"), 'ERROR TG006', 'a stale token has none');
is(app("SELECT tenant_guard.token_claims()", "-c tenant_guard.token=$bad"), 'ERROR TG008', 'nor has a bad one');

# JSON is in UTF-8, whatever the database is in.
$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING LATIN1 TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('latin', 'CREATE EXTENSION tenant_guard');
my ($accents, $smile, $cafe) = (token($rsa, claims(name => '"Zo\u00eb"', raw => "\"\xc3\xab\"")), token($rsa, claims(name => '"\ud83d\ude00"')), token($rsa, claims(tenant_id => '"caf\u00e9"')));
sub latin_says { return says($node, 'latin', 'app', "SET client_encoding = UTF8; BEGIN; @_"); }
is(latin_says("SET LOCAL tenant_guard.token = '$accents'; SELECT tenant_guard.token_claims()->>'name', tenant_guard.token_claims()->>'raw'"), "Zo\x{c3}\x{ab}|\x{c3}\x{ab}", 'claims are converted');
is(latin_says("SET LOCAL tenant_guard.token = '$smile'; SELECT tenant_guard.current_tenant(); SELECT tenant_guard.token_claims()"), "$TENANT_A; ERROR 22P05", 'what cannot be is an error there only');
$node->safe_psql('latin', "ALTER DATABASE latin SET tenant_guard.tenant_type = 'text'");
is(latin_says("SET LOCAL tenant_guard.token = '$cafe'"), 'ERROR TG008', 'a tenant is not converted');

# The time is judged until the tenant is sealed.
sub soon { return token($rsa, claims(exp => time + 3)); }
is(in_transaction('SET LOCAL tenant_guard.token = \'' . soon() . "'; SELECT pg_sleep(4); $look"), '; ERROR TG008', 'a token can expire before the tenant is used');
is(in_transaction('SET LOCAL tenant_guard.token = \'' . soon() . "'; $look SELECT pg_sleep(4); $look SELECT tenant_guard.token_claims() IS NULL"), 'of a; ; of a; f', 'but not after that');
is(app("SELECT pg_sleep(4); $look", '-c tenant_guard.token=' . soon()), '; ERROR TG008', 'one from below the session likewise');
is(superuser_says($node, 'postgres', "SET tenant_guard.scope = session; SET tenant_guard.token = '" . soon() . "'; SET ROLE app; $look SELECT pg_sleep(4); $look"), 'of a; ; ERROR TG008', 'with scope = session the next transaction is refused');

# Parallel workers take what the leader has verified, without keys.
my $forced = $node->safe_psql('postgres', "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
$node->safe_psql('postgres', 'CREATE FUNCTION in_worker() RETURNS boolean LANGUAGE c PARALLEL SAFE AS $$tenant_guard$$, $$tenant_guard_has_tenant$$');
my $willing = "SET LOCAL $forced = on; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL parallel_leader_participation = off;";
is(in_transaction("$willing $set; $look"), 'of a', 'a worker knows the tenant');
is(in_transaction("$willing $set; SELECT tenant_guard.token_claims()->>'aud' FROM t"), 'orders', 'and the claims');
like(in_transaction("$willing $set; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM t"), qr/Workers Launched: [12]/, 'there is one');
is(in_transaction("$willing SET LOCAL tenant_guard.token = '" . soon() . "'; $look SELECT pg_sleep(4); $look"), 'of a; ; of a', 'it does not judge the time again');
is(app("BEGIN; $willing $look COMMIT", "-c tenant_guard.token=$old"), 'of a', 'from below the session');
is(app("BEGIN; $willing $look COMMIT", "-c tenant_guard.token=$bad"), 'ERROR TG008', 'a bad one is refused');
is(app("BEGIN; $willing SELECT tenant_guard.has_tenant() FROM pg_class LIMIT 1; COMMIT", "-c tenant_guard.token=$bad"), 'f', 'and is no tenant in a worker');
is(app("SET tenant_guard.token = '$old'; BEGIN; $willing $look"), 'ERROR TG006', 'a stale one is stale');

# What a worker does first, it judges: a function that reads the rows, in a query that does not.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE numbers AS SELECT n FROM generate_series(1, 100) n;
GRANT SELECT ON numbers TO app;
CREATE FUNCTION rows_in_worker(int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN RETURN (SELECT string_agg(body, ' ') FROM t); END $$;
SQL
my $by_function = 'SELECT max(rows_in_worker(n)) FROM numbers;';
is(in_transaction("$willing $set; $by_function"), 'of a', 'a function in a worker reads the tenant\'s rows');
is(app("$look SELECT pg_sleep(4); BEGIN; $willing $by_function", '-c tenant_guard.token=' . soon()), 'of a; ; ERROR TG008', 'unless the token has expired since the leader knew it');
is(in_transaction("$willing SAVEPOINT s; SET LOCAL tenant_guard.token = '$of_b'; ROLLBACK TO s; $by_function", "-c tenant_guard.token=$old"), 'of a', 'or what ROLLBACK TO has brought back');

# Other sessions do not see it.
my $seen = app("BEGIN; SET LOCAL tenant_guard.token = '$old' \\; SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid(); ROLLBACK;");
unlike($seen, qr/\Q$signature\E|\Q$claims\E/, 'pg_stat_activity does not show it');
is(app("SET tenant_guard.token = '" . '*' x 40 . "';"), 'ERROR TG008', 'one of asterisks, which is what others see of a token, ends as others do');
like($seen, qr/tenant_guard\.token = '\*{100}/, 'but the statement');
my $log = slurp_file($node->logfile);
unlike($log, qr/DETAIL:.*eyJ|ERROR:.*eyJ|WARNING:.*eyJ/, 'no message has anything of a token');

# The authority "token": by nothing else.
$node->safe_psql('postgres', "ALTER DATABASE postgres SET tenant_guard.authority = 'token'");
is(in_transaction("SET LOCAL tenant_guard.tenant_id = '$TENANT_A'"), 'ERROR TG008', 'authority: a tenant without a token is refused');
is(in_transaction("$set; $look"), 'of a', 'authority: a token is not');
is(in_transaction("$willing $set; $look"), 'of a', 'authority: in a worker');
is(app($look, "-c tenant_guard.tenant_id=$TENANT_A"), 'ERROR TG008', 'authority: from below the session');
is(app($look, "-c tenant_guard.token=$old"), 'of a', 'authority: a token from there');
is(in_transaction("$set; $look", "-c tenant_guard.tenant_id=$TENANT_B"), 'of a', 'authority: a token overrides what comes from there');
$node->safe_psql('postgres', "ALTER DATABASE postgres RESET tenant_guard.authority");

# ----------------------------------------------------------------
# A session that loads the library later

my $late = start_server('late', preload => 0);
$late->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE TABLE t (tenant_id uuid, body text);
BEGIN;
SET LOCAL tenant_guard.bypass = on;
INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b');
COMMIT;
GRANT SELECT ON t TO app;
ALTER DATABASE postgres SET tenant_guard.jwks_file = '$jwks';
ALTER DATABASE postgres SET tenant_guard.token_audience = 'orders';
ALTER DATABASE postgres SET session_preload_libraries = 'tenant_guard';
SQL
sub late_says { return says($late, 'postgres', 'app', @_); }
is(late_says("BEGIN; $set; $look ROLLBACK;"), 'of a', 'session_preload_libraries: a token');
is(late_says($look, "-c tenant_guard.token=$old"), 'of a', 'session_preload_libraries: of the connection');
like(late_says("BEGIN; $set; $look ROLLBACK;", "-c tenant_guard.$_->[0]=$_->[1]"), qr/ERROR TG008/, "the connection does not hide $_->[0]")
	foreach ['token_audience', ''], ['token_issuer', 'x'], ['token_claim', 'iss'], ['token_max_age', 0], ['token_leeway', 600], ['jwks_file', '/dev/null'], ['token_secret_file', '/dev/null'];
$late->safe_psql('postgres', 'ALTER DATABASE postgres RESET session_preload_libraries');
my ($orders, $others) = map { token($rsa, claims(aud => $_)) } '"orders"', '"others"';
my $first = 'SELECT tenant_guard.has_tenant();';    # loads the library
like(late_says("SET tenant_guard.token_audience = 'others'; $first BEGIN; SELECT tenant_guard.set_tenant_by_token('$others');"), qr/ERROR TG008/, 'a role cannot set a rule before the library is loaded');
like(late_says("SET tenant_guard.token_audience = 'others'; $first BEGIN; SELECT tenant_guard.set_tenant_by_token('$orders');"), qr/$TENANT_A/, 'what is stored counts');
my $load = "LOAD 'tenant_guard';";
$late->safe_psql('postgres', 'ALTER ROLE app SUPERUSER');    # who may LOAD
is(late_says("BEGIN; $set; $load SET LOCAL ROLE pg_monitor; SELECT tenant_guard.has_tenant(), tenant_guard.current_tenant(); ROLLBACK;"), "t|$TENANT_A", 'a token that was set before the library was loaded');
is(late_says("BEGIN; SET LOCAL tenant_guard.token = '$bad'; $load SELECT tenant_guard.has_tenant(); ROLLBACK;"), 'f', 'a bad one');
is(late_says("SET tenant_guard.token = '$old'; $load SELECT tenant_guard.has_tenant();"), 'f', 'and a stale one');

done_testing();
