"""Validates every in-toto statement of a record with the in-toto attestation library: usage: validate_statements.py FOLDER

The signatures are verify_record.py's business; this one looks at the shape of what was signed.
"""

import base64
import json
import pathlib
import sys

import in_toto_attestation.v1.statement_pb2 as statement_pb2
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement

count = 0
for path in sorted(pathlib.Path(sys.argv[1], "dsse").rglob("*.json")):
    envelope = json.loads(path.read_bytes())
    assert envelope["payloadType"] == "application/vnd.in-toto+json", f"{path}: {envelope['payloadType']}"
    message = json_format.Parse(base64.b64decode(envelope["payload"], validate=True), statement_pb2.Statement())
    Statement.copy_from_pb(message).validate()
    count += 1
assert count, "no statement was found"
print(f"statements={count}")
