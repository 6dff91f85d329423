"""Holds JSON documents against a JSON schema, formats of texts too: usage: validate_schema.py SCHEMA FILE..."""

import json
import pathlib
import sys

from jsonschema.validators import validator_for

schema = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
kind = validator_for(schema)
kind.check_schema(schema)
validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
failed = False
for path in sys.argv[2:]:
    document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    error = next(iter(validator.iter_errors(document)), None)
    print(path, "valid" if error is None else f"INVALID: {error.json_path}: {error.message[:400]}")
    failed |= error is not None
sys.exit(1 if failed or len(sys.argv) < 3 else 0)
