<?php
// A PHP SoapServer: ?m=enc without a WSDL, encw rpc/encoded and rpclit rpc/literal with one; &v12 SOAP 1.2,
// &blank an empty line first (as a file that includes another one writes it).
class HoSo {
    public $id; public $ten; public $le_phi; public $xong;
    function __construct($id) { $this->id = $id; $this->ten = "Đỗ Thị Ớt & <$id>"; $this->le_phi = '10.50'; $this->xong = true; }
}
class Service {
    function layHoSo($ma) {
        if ($ma === 'loi') throw new SoapFault('Client', 'không có hồ sơ', null, ['code' => 'KHONG_CO']);
        return new HoSo($ma);
    }
    function danhSach($n) { $all = []; for ($i = 0; $i < $n; $i++) $all[] = new HoSo("HS$i"); return $all; }
    function dungChung($n) { $one = new HoSo('X'); return [$one, $one, $one]; }
    function bang($n) { return ['ma' => 'B1', 'trong' => ['c' => 2], 'ds' => ['x', 'y']]; }
    function so($n) { return [1, 2, 3]; }
    function nopHoSo($hoSo) { return "$hoSo->id|$hoSo->ten|$hoSo->le_phi"; }
    function nop($id, $ten, $phi) { return "00:$id|$ten|" . var_export($phi, true); }
}
$mode = $_GET['m'] ?? 'enc';
$version = isset($_GET['v12']) ? SOAP_1_2 : SOAP_1_1;
$wsdl = $mode === 'enc' ? null : __DIR__ . "/fixtures/php-$mode.wsdl";
if (isset($_GET['blank'])) echo "\n";
$options = ['uri' => 'urn:php', 'soap_version' => $version, 'cache_wsdl' => WSDL_CACHE_NONE, 'encoding' => 'UTF-8'];
$server = new SoapServer($wsdl, $options);
$server->setClass('Service');
$server->handle();
