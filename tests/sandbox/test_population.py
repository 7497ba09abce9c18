"""The population database through a foreign SOAP client: look-up, verification, feed, control."""

from __future__ import annotations

from functools import cache

import pytest
import requests
import zeep
from lxml import etree
from zeep.transports import Transport

from lienthong_sandbox import Province
from lienthong_sandbox.applicants import DIFFERING, OFFICERS, UNKNOWN, applicant
from lienthong_sandbox.people import person
from lienthong_sandbox.soap import wsdl_file
from lienthong_sandbox.wss import WsseSeal

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SEALED_FIELDS = {
    "MaYeuCau": "YC-S",
    "MaDVC": "1.001193",
    "MaTichHop": "037",
    "MaCanBo": OFFICERS[0],
    "SoDinhDanh": person(42).number,
    "HoVaTen": person(42).name,
    "NgayThangNamSinh": "<Nam>1980</Nam>",
    "MaDonVi": "H21.129",
}
REPLY = "{http://www.mic.gov.vn/dancu/1.0}"


@cache
def communes(province: Province) -> tuple[str, ...]:
    """Return the commune codes with which persons of this sandbox were made."""
    return province.systems["population"]._communes


def request(who, name="", birth=None, **other):
    """Return a request for one person in the order that the service asks for."""
    year = {"Nam": str(who.born.year)} if who.year_only else {"NgayThangNam": f"{who.born:%Y%m%d}"}
    fields = {
        "MaYeuCau": "YC-1",
        "MaDVC": "1.001193",
        "MaTichHop": "037",
        "MaCanBo": OFFICERS[0],
        "SoDinhDanh": who.number,
        "HoVaTen": name or who.name.upper(),
        "NgayThangNamSinh": birth or year,
        "MaDonVi": "H21.129",
    }
    return fields | other


@pytest.fixture
def service(province, new_hash_session):
    """A zeep proxy made from the served WSDL."""
    wsdl = province.connections()["population"]["extra"]["wsdl"]
    with new_hash_session() as session:
        yield zeep.Client(wsdl, transport=Transport(session=session)).service


@pytest.fixture
def who(province):
    """Somebody in the population database."""
    return person(42, communes(province))


def test_lookup_returns_the_citizen(service, who):
    """The collection holds the citizen with the reference's fields, and no district."""
    found = service.TraCuuThongTinCongDan(**request(who))
    citizen = found.CongDan[0]
    assert (found.SoCongDan, citizen.SoDinhDanh, citizen.GioiTinh) == (1, who.number, who.gender)
    assert (citizen.HoVaTen.Ho, citizen.HoVaTen.Ten) == (who.family, who.given)
    assert citizen.ThuongTru.MaQuanHuyen is None


def test_unknown_number_is_an_empty_collection(service, who):
    """Nobody found is an answer, not a fault."""
    assert service.TraCuuThongTinCongDan(**request(who, SoDinhDanh="063199000000")).CongDan == []


def test_verification_compares_name_and_birth(service, who):
    """Case and blanks do not matter, another name or birth date does."""
    verify = service.XacThucThongTinCongDan
    assert verify(**request(who, f"  {who.name.lower()} ", MaTichHop="003")).TonTai
    assert not verify(**request(who, "Trần Văn Khác", MaTichHop="003")).TonTai
    assert not verify(**request(who, birth={"Nam": "1901"}, MaTichHop="003")).TonTai


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"MaCanBo": "cb.nobody"}, "CB01"),
        ({"MaCanBo": "cb.dakhoa"}, "CB02"),
        ({"MaDVC": "2.000815"}, "TT01"),
        ({"MaTichHop": "003"}, "TH01"),
        ({"SoDinhDanh": "123"}, "DL01"),
    ],
)
def test_refusals_carry_the_services_own_code(service, province, who, change, code):
    """Officer, procedure, service code and schema are checked; look-ups refused are logged too."""
    with pytest.raises(zeep.exceptions.Fault) as caught:
        service.TraCuuThongTinCongDan(**request(who, **change))
    assert caught.value.detail.findtext(".//{http://dancuquocgia.bca}MaLoi") == code
    if code != "DL01":
        assert province.audit("population")[-1]["refused"] == code


def test_each_lookup_is_entered_in_the_access_log(service, province, who):
    """The log says who looked up for which procedure under which request id, and not whom."""
    service.TraCuuThongTinCongDan(**request(who, MaYeuCau="YC-LOG"))
    line = province.audit("population")[-1]
    assert (line["operation"], line["key"], line["MaCanBo"]) == (
        "TraCuuThongTinCongDan",
        "YC-LOG",
        OFFICERS[0],
    )
    assert (line["MaDVC"], line["MaTichHop"], line["MaDonVi"]) == ("1.001193", "037", "H21.129")
    assert who.number not in str(line)


@pytest.mark.parametrize(("options", "status"), [({}, 200), ({"unit": 1}, 200), ({"shift": -900}, 401)])
def test_timestamps_in_both_units_but_not_stale(province, new_hash_session, who, options, status):
    """Milliseconds and seconds are understood; a timestamp a quarter of an hour old is refused."""
    fields = request(who)
    fields["NgayThangNamSinh"] = "<Nam>1980</Nam>"
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    inner = f'<TraCuuThongTinCongDan xmlns="http://dancuquocgia.bca">{inner}</TraCuuThongTinCongDan>'
    envelope = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body>{inner}</s:Body></s:Envelope>'
    with new_hash_session(**options) as session:
        url = province.connections()["population"]["host"]
        assert session.post(url, data=envelope.encode(), timeout=60).status_code == status
        assert requests.post(url, data=envelope.encode(), timeout=60).status_code == 401


def test_feed_gives_each_citizen_once(service):
    """The incremental feed's pages add up to the population."""
    seen = []
    for number in range(1, 4):
        page = service.DongBoThongTinCongDan(
            MaYeuCau="YC-F",
            MaTichHop="040",
            MaCanBo=OFFICERS[0],
            MaDonVi="H21.129",
            TuNgay=0,
            DenNgay=4102444800000,
            Trang=number,
            SoBanGhi=2000,
        )
        assert page.SoCongDan == len(page.CongDan)
        seen += [citizen.SoDinhDanh for citizen in page.CongDan]
    assert len(seen) == len(set(seen)) == 5000


def feed(province, session, **change):
    """Post a feed request by hand and return the streamed answer."""
    fields = {"MaYeuCau": "YC-R", "MaTichHop": "040", "MaCanBo": OFFICERS[0], "MaDonVi": "H21.129"}
    fields |= {"TuNgay": 0, "DenNgay": 4102444800000, "Trang": 1, "SoBanGhi": 500} | change
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    inner = f'<DongBoThongTinCongDan xmlns="http://dancuquocgia.bca">{inner}</DongBoThongTinCongDan>'
    envelope = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body>{inner}</s:Body></s:Envelope>'
    return session.post(province.connections()["population"]["host"], data=envelope.encode(), timeout=60)


def test_feed_is_valid_streamed_and_can_be_narrowed(province, new_hash_session):
    """The raw answer has no length ahead, fits the XSD, and TuNgay/DenNgay cut out a span."""
    schema = etree.XMLSchema(etree.fromstring(wsdl_file("congdan.xsd")))
    start = round(person(100).changed.timestamp() * 1000)
    with new_hash_session() as session:
        answer = feed(province, session)
        span = etree.fromstring(feed(province, session, TuNgay=start, DenNgay=start + 5000).content)
    assert "Content-Length" not in answer.headers
    schema.assertValid(etree.fromstring(etree.tostring(etree.fromstring(answer.content)[0][0])))
    numbers = [element.text for element in span.iter(f"{REPLY}SoDinhDanh")]
    assert numbers == [person(index).number for index in range(100, 105)]


def test_feed_acts_out_its_faults(province, new_hash_session):
    """A repeated page comes in front of the page, a malformed citizen is one more."""
    with new_hash_session() as session:
        province.fault("population", "duplicate_page")
        twice = etree.fromstring(feed(province, session, SoBanGhi=10, Trang=2).content)
        province.fault("population", "malformed_record")
        broken = etree.fromstring(feed(province, session, SoBanGhi=10).content)
    assert len(list(twice.iter(f"{REPLY}CongDan"))) == 20
    assert [e.text for e in broken.iter(f"{REPLY}SoDinhDanh")][:2] == ["06300ABC", person(0).number]


def test_seal_asks_for_signed_requests_and_signs_answers(tmp_path, new_hash_session):
    """With a seal an unsigned request is refused, a signed one gets a signed answer."""
    wsse = pytest.importorskip("lienthong.signing.wsse")
    keyring = pytest.importorskip("lienthong.signing").KeyRing
    keys = pytest.importorskip("lienthong.signing.keys")
    for agency in ("H21", "G01"):
        keys.create_development_keys(tmp_path, agency)
    ring = keyring.for_home(tmp_path)
    seal = WsseSeal(ring.trust(), wsse.VerifyPolicy(), ring.signer("G01"))
    with Province(tmp_path / "home", seal=seal) as sealed:
        url = sealed.connections()["population"]["host"]
        fields = "".join(f"<{k}>{v}</{k}>" for k, v in SEALED_FIELDS.items())
        inner = f'<TraCuuThongTinCongDan xmlns="http://dancuquocgia.bca">{fields}</TraCuuThongTinCongDan>'
        envelope = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body>{inner}</s:Body></s:Envelope>'.encode()
        with new_hash_session(at=sealed) as session:
            refused = session.post(url, data=envelope, timeout=60)
            taken = session.post(url, data=wsse.sign(envelope, ring.signer("H21")), timeout=60)
    assert "CK01" in wsse.verify(refused.content, trust=ring.trust()).body.xpath("string(.)")
    verified = wsse.verify(taken.content, trust=ring.trust())
    assert verified.agency == "G01"
    assert verified.body.find(f".//{REPLY}SoDinhDanh").text == person(42).number


def test_applicants_agree_with_the_population_as_documented(service, province):
    """Those listed as differing or unknown are not verified, others are."""
    for number in (0, 1, *sorted(DIFFERING)[:3], *UNKNOWN):
        row = applicant(number, communes(province), 5000)
        day, _, rest = row["NgaySinh"].partition("/")
        birth = {"NgayThangNam": rest[3:] + rest[:2] + day} if rest else {"Nam": day}
        fields = {"SoDinhDanh": row["SoDinhDanh"], "HoVaTen": row["HoVaTen"], "NgayThangNamSinh": birth}
        answer = service.XacThucThongTinCongDan(**request(person(0), MaTichHop="003") | fields)
        assert answer.TonTai is (number not in DIFFERING | UNKNOWN), number


def test_no_person_can_be_real():
    """Numbers carry a province part that was never issued, telephones a prefix nobody has."""
    people = [person(index) for index in range(0, 50_000, 97)]
    assert {who.number[:3] for who in people} == {"063"}
    assert {who.phone[:3] for who in people} == {"010"}
    assert len({who.number for who in people}) == len(people)
