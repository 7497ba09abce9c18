"""The seeded records agree with each other and with what the receiving systems accept."""

from __future__ import annotations

from collections import Counter

from lienthong_sandbox import applicants, dossiers, registrations
from lienthong_sandbox.civil_rules import MODULES, complaint, missing
from lienthong_sandbox.people import find, person, range_changed
from lienthong_sandbox.population_rules import same_person
from lienthong_sandbox.times import from_ms

COMMUNES = ("23563", "23575")


def outcome(number):
    """Return what the population database says to one applicant."""
    row = applicants.applicant(number, COMMUNES, 5000)
    known = find(row["SoDinhDanh"], 5000, COMMUNES)
    if known is None:
        return "unknown"
    parts = row["NgaySinh"].split("/")
    return "match" if same_person(known, row["HoVaTen"], "".join(reversed(parts))) else "differs"


def test_applicants_split_as_documented():
    """Of 200 applicants 4 are malformed, 2 unknown, 14 differ and 180 match."""
    sound = [n for n in range(applicants.COUNT) if n not in applicants.DEFECTS]
    assert Counter(outcome(n) for n in sound) == {"match": 180, "differs": 14, "unknown": 2}


def test_applicants_belong_to_seeded_dossiers():
    """Every applicant names a dossier that is there and well formed, with its procedure."""
    seeded = {d["DocCode"]: d for d in (dossiers.dossier(n, COMMUNES) for n in range(dossiers.COUNT))}
    for number in range(applicants.COUNT):
        row = applicants.applicant(number, COMMUNES, 5000)
        assert seeded[row["DocCode"]]["DocTypeCode"] == row["DocTypeCode"]


def test_registrations_split_as_documented():
    """Justice refuses exactly the registrations listed as refused, among the well-formed ones."""
    refused = set()
    for number in set(range(registrations.COUNT)) - set(registrations.DEFECTS):
        row = registrations.registration(number, COMMUNES)
        assert row["Module"] in MODULES
        if missing(row["Module"], row["NoiDung"]) or complaint(row["NoiDung"]):
            refused.add(number)
    assert refused == set(registrations.REFUSED)


def test_people_are_found_by_number_and_nobody_else_is():
    """Looking up a person's number finds that person, within the size of the population."""
    assert all(find(person(n).number, 1000) == person(n) for n in range(0, 1000, 13))
    assert find(person(1000).number, 1000) is None
    assert find("0" + person(5).number[:11], 1000) is None


def test_changed_spans_tile():
    """Adjoining spans of time give adjoining ranges of persons, without overlap."""
    start, middle, end = (person(n).changed for n in (0, 300, 900))
    assert range_changed(start, middle, 5000) == range(300)
    assert range_changed(middle, end, 5000) == range(300, 900)
    assert len(range_changed(from_ms(0), from_ms(4102444800000), 5000)) == 5000
