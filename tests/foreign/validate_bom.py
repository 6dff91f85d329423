"""Validates CycloneDX BOMs with cyclonedx-python-lib's strict validators, JSON and XML: usage: validate_bom.py FILE..."""

import json
import re
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from cyclonedx.validation.xml import XmlValidator

failed = False
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.lstrip().startswith("<"):
        version = re.search(r'xmlns="http://cyclonedx.org/schema/bom/([0-9.]+)"', text).group(1)
        validator = XmlValidator(SchemaVersion.from_version(version))
    else:
        version = json.loads(text)["specVersion"]
        validator = JsonStrictValidator(SchemaVersion.from_version(version))
    error = validator.validate_str(text)
    print(path, version, "valid" if error is None else f"INVALID: {str(error)[:400]}")
    failed |= error is not None
sys.exit(1 if failed or len(sys.argv) < 2 else 0)
