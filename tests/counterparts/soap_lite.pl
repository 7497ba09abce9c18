# A service of SOAP::Lite, which speaks rpc/encoded. Says its port as JSON, then serves.
use strict; use warnings; use utf8;
use SOAP::Transport::HTTP;
package Service;
sub layHoSo {
    my ($class, $ma) = @_;
    die SOAP::Fault->faultcode('Client')->faultstring('khong co')->faultdetail({code => 'KHONG_CO'}) if $ma eq 'loi';
    # without a type SOAP::Lite sends texts beyond ASCII as base64Binary
    return {id => $ma, ten => SOAP::Data->type(string => 'Đỗ Thị Ớt & <x>'), xong => 1};
}
sub danhSach { my ($class, $n) = @_; return [map {{id => "HS$_", ten => 'a'}} 0 .. $n - 1] }
sub dungChung { my $one = {id => 'X', ten => 'b'}; return [$one, $one] }
sub nop { my ($class, @all) = @_; return '00:' . join('|', map { defined $_ ? $_ : '-' } @all) }
package main;
my $daemon = SOAP::Transport::HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1)
    ->dispatch_with({'urn:perl' => 'Service'})->dispatch_to('Service');
$| = 1;
my ($port) = $daemon->url =~ /:(\d+)/;
print qq({"port": $port}\n);
$daemon->handle;
