# A forced command of sshd: runs what the client asked for, and rewrites what it says.
#
# Each line of /tmp/forged-rules is "NAME OLD NEW", each word in hex: in the fact, event or outcome
# NAME, OLD becomes NEW within what stands in base64. It needs no module: perl-base, which every
# Debian has, lacks MIME::Base64.
use strict;
use warnings;

$| = 1;
open(my $file, "<", "/tmp/forged-rules") or exit 70;
my @rules = map { [ map { pack("H*", $_) } split ] } <$file>;

# uuencode is base64 with another alphabet, and with the length in front of each line.
sub decoded {
    my ($text) = @_;
    $text =~ tr#A-Za-z0-9+/##cd;
    $text =~ tr#A-Za-z0-9+/# -_#;
    return join "", map { unpack("u", chr(32 + length($_) * 3 / 4) . $_) } $text =~ /(.{1,60})/gs;
}

sub encoded {
    my ($bytes) = @_;
    my $text = pack("u", $bytes);
    $text =~ s/^.//mg;
    $text =~ s/\n//g;
    $text =~ tr#` -_#AA-Za-z0-9+/#;
    my $padding = (3 - length($bytes) % 3) % 3;
    substr($text, -$padding) = "=" x $padding if $padding;
    return $text;
}

sub lied {
    my ($key, $text, $old, $new) = @_;
    $text = decoded($text);
    $text =~ s/\Q$old\E/$new/g;
    return "\"$key\":\"" . encoded($text) . "\"";
}

open(my $said, "-|", "sh", "-c", $ENV{SSH_ORIGINAL_COMMAND}) or exit 71;
while (my $line = <$said>) {
    for my $rule (@rules) {
        my ($name, $old, $new) = @$rule;
        next unless $line =~ /"(?:fact|event|outcome)":"\Q$name\E"/;
        $line =~ s{"(output|text|holder|before|now)":"([A-Za-z0-9+/=]*)"}{lied($1, $2, $old, $new)}ge;
    }
    print $line;
}
close($said);
exit($? >> 8);
