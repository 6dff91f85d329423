"""Reads what other programs read: usage: validate_exports.py FILE...

By name: `*.junit.xml`, `*.atom`, `sitemap.xml`, `*.sarif`. Each is parsed and held against what its format requires, SARIF by its
published schema; any disagreement is an exception.
"""

import datetime
import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree as ET

import jsonschema

ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
# SARIF 2.1.0, sections 3.27.9 and 3.27.10.
SARIF_KINDS = {"pass", "open", "informational", "notApplicable", "review", "fail"}
SARIF_LEVELS = {"none", "note", "warning", "error"}
SARIF_SCHEMA = pathlib.Path(__file__).resolve().parent / "schemas/sarif-2.1.0.schema.json"
# What the xUnit plugin of Jenkins accepts (its junit-10.xsd): element, attributes that must be there, attributes that may.
JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testcase", "testsuite", "properties", "system-out", "system-err"},
    ),
    "testcase": ({"name"}, {"classname", "time", "group"}, {"skipped", "failure", "error", "system-out", "system-err"}),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
}


def junit(path):
    suites = ET.parse(path).getroot()
    assert suites.tag == "testsuites"
    for element in suites.iter():
        required, optional, children = JUNIT[element.tag]
        assert required <= set(element.keys()) <= required | optional, f"{element.tag}: {sorted(element.keys())}"
        assert {child.tag for child in element} <= children, element.tag
        for number in {"tests", "failures", "errors", "skipped", "disabled"} & set(element.keys()):
            assert int(element.get(number)) >= 0
        if element.get("time") is not None:
            assert float(element.get("time")) >= 0
        if element.get("timestamp") is not None:
            datetime.datetime.strptime(element.get("timestamp"), "%Y-%m-%dT%H:%M:%S")
    cases = 0
    for suite in suites.iter("testsuite"):
        found = {name: 0 for name in ("failure", "error", "skipped")}
        for case in suite.iter("testcase"):
            assert case.get("name") and case.get("classname")
            told = [child.tag for child in case if child.tag in found]
            assert len(told) <= 1, f"{case.get('name')} is told twice"
            for tag in told:
                found[tag] += 1
            cases += 1
        stated = {name: int(suite.get(attribute)) for name, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped"))}
        assert found == stated, f"counted {found}, stated {stated}"
        assert int(suite.get("tests")) == len(list(suite.iter("testcase")))
    assert cases, "no test case"
    return cases


def atom(path):
    """RFC 4287, section 4.1."""
    feed = ET.parse(path).getroot()
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert entries, "no entry"
    for element in [feed, *entries]:
        for name in ("id", "title", "updated"):
            found = element.findall(f"{ATOM}{name}")
            assert len(found) == 1 and found[0].text, f"{name}: {len(found)}"
        datetime.datetime.fromisoformat(element.find(f"{ATOM}updated").text)
        assert urllib.parse.urlsplit(element.find(f"{ATOM}id").text).scheme, "an id is no IRI"
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None or all(entry.find(f"{ATOM}author") is not None for entry in entries), "no author"
    ids = [entry.find(f"{ATOM}id").text for entry in entries]
    assert len(set(ids)) == len(ids), "two entries share an id"
    for entry in entries:
        assert entry.find(f"{ATOM}content") is not None or entry.find(f"{ATOM}link") is not None, "an entry leads nowhere"
    return len(entries)


def sitemap(path):
    urls = ET.parse(path).getroot().findall(f"{SITEMAP}url/{SITEMAP}loc")
    assert urls and all(urllib.parse.urlsplit(url.text).scheme == "https" for url in urls)
    assert len({url.text for url in urls}) == len(urls), "an address is listed twice"
    return len(urls)


def sarif(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["version"] == "2.1.0" and document["$schema"]
    schema = json.loads(SARIF_SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    validator(schema, format_checker=validator.FORMAT_CHECKER).validate(document)
    count = 0
    for run in document["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"] and driver["version"]
        rules = [rule["id"] for rule in driver["rules"]]
        assert len(set(rules)) == len(rules), "two rules share an id"
        assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
        assert all(isinstance(invocation["executionSuccessful"], bool) for invocation in run["invocations"])
        for result in run["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
            assert result["kind"] in SARIF_KINDS and result["level"] in SARIF_LEVELS
            # Section 3.27.10: a level other than none belongs to a failure.
            assert (result["level"] == "none") == (result["kind"] != "fail"), result["ruleId"]
            assert result["message"]["text"]
            assert result["partialFingerprints"]
            # What GitHub asks of an upload: a file to show the result in, and nothing but problems.
            place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            assert place and not urllib.parse.urlsplit(place).scheme and not place.startswith("/"), place
            assert result["kind"] not in {"pass", "notApplicable", "informational"}, result["ruleId"]
            count += 1
        assert rules, "no rule"
    return count


READERS = [(".junit.xml", junit), (".atom", atom), ("sitemap.xml", sitemap), (".sarif", sarif)]

for name in sys.argv[1:]:
    read = next(read for end, read in READERS if name.endswith(end))
    print(name, read(pathlib.Path(name)))
assert len(sys.argv) > 1, "nothing to read"
