#!/usr/bin/perl
# A worker in Perl, with nothing but what Perl brings along:  ARBITER_PASSWORD=… perl worker.pl http://127.0.0.1:8600 writer-1
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;

my ($url, $name) = @ARGV;
my ($token, $me) = ("", $$);

sub ask {    # ask the house, and again while it is away or the token is too old
    my ($path, $body) = @_;
    while (1) {
        my $headers = { "Content-Type" => "application/json", Authorization => "Bearer $token" };
        my $answer = HTTP::Tiny->new(timeout => 60)->post($url . $path, { headers => $headers, content => encode_json($body) });
        return ($answer->{status}, decode_json($answer->{content})) if $answer->{status} != 401 && $answer->{status} < 500;
        die "name or password is wrong\n" if $path eq "/token" && $answer->{status} == 401;
        if ($answer->{status} == 401) { $token = (ask("/token", { name => $name, password => $ENV{ARBITER_PASSWORD} }))[1]{access_token} }
        else { sleep 1 }
    }
}

sub work {    # the work itself: the words of the review, counted
    my ($job) = @_;
    my @words = split " ", $job->{inputs}{data}{review} // die "there is no review\n";
    return { words => scalar @words, summary => join(" ", splice(@words, 0, 5)) };
}

while (1) {
    my ($status, $given) = ask("/work/claim", { most => 1, wait_s => 20 });
    die "$given->{detail}\n" if $status >= 400;
    for my $job (@{ $given->{items} }) {
        my $child = fork;    # it gives signs of life while the work goes on
        if (!$child) { while (getppid == $me) { sleep $given->{lease_s} / 4 + 1; ask("/work/$job->{attempt_id}/heartbeat", { fence => $job->{fence} }) } exit }
        my $answer = eval { work($job) };
        kill "KILL", $child; waitpid $child, 0;
        if ($answer) { ask("/work/$job->{attempt_id}/result", { fence => $job->{fence}, answer => $answer }) }
        else { ask("/work/$job->{attempt_id}/fail", { fence => $job->{fence}, error => "$@" }) }
    }
}
