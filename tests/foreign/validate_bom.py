"""Validates CycloneDX BOMs with cyclonedx-python-lib's strict JSON validator: usage: validate_bom.py FILE..."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

failed = False
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    error = JsonStrictValidator(version).validate_str(text)
    print(path, version.name, "valid" if error is None else f"INVALID: {str(error)[:400]}")
    failed |= error is not None
sys.exit(1 if failed or len(sys.argv) < 2 else 0)
