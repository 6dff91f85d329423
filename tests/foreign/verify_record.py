"""A second verifier of a published record, written from the specifications alone and sharing no code with avouch.

usage: verify_record.py FOLDER VKEY

Checks C2SP signed-note and tlog-checkpoint (signature, origin, root), tlog-tiles (entry bundles, RFC 6962 root), RFC 8785
(every entry and JSON payload is canonical), payload digests, and every DSSE envelope with its in-toto statement.
Prints one line of counts; any disagreement is an exception.
"""

import base64
import hashlib
import json
import pathlib
import sys

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

WIDTH = 256


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def tree_root(hashes):
    """RFC 6962, section 2.1, as it is written there."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + tree_root(hashes[:split]) + tree_root(hashes[split:])).digest()


def tile_number(number):
    """tlog-tiles: three digits each, all but the last with an x."""
    parts = [f"{number % 1000:03d}"]
    number //= 1000
    while number:
        parts.insert(0, f"x{number % 1000:03d}")
        number //= 1000
    return "/".join(parts)


def read_vkey(text):
    name, key_id, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    assert raw[0] == 1 and len(raw) == 33, "not an Ed25519 verifier key"
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex()
    assert key_id == expected, "the key id is not the hash of name and key"
    return name, bytes.fromhex(key_id), raw[1:]


def verify_note(note, vkey):
    name, key_id, raw = read_vkey(vkey)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, encoded = line.split(" ")
        assert dash == "\u2014"
        blob = base64.b64decode(encoded, validate=True)
        if signer == name and blob[:4] == key_id:
            Ed25519PublicKey.from_public_bytes(raw).verify(blob[4:], text.encode())
            return text
    raise AssertionError("no signature by the given key")


def entries_of(folder, size):
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        path = folder / "tile" / "entries" / tile_number(number)
        if width < WIDTH:
            path = path.with_name(path.name + ".p") / str(width)
        data = path.read_bytes()
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            yield data[2 : 2 + length]
            data = data[2 + length :]
        assert not data, "bytes after the last entry of a bundle"


def main(folder, vkey):
    folder = pathlib.Path(folder)
    note = (folder / "checkpoint").read_bytes().decode()
    origin, size, root = verify_note(note, vkey).splitlines()[:3]
    leaves = list(entries_of(folder, int(size)))
    assert tree_root([leaf_hash(leaf) for leaf in leaves]) == base64.b64decode(root), "the root is another"
    name, key_id, raw = read_vkey(vkey)
    key = SSlibKey(f"{name}+{key_id.hex()}", "ed25519", "ed25519", {"public": raw.hex()})
    withdrawn, payloads, envelopes, sealed = set(), 0, 0, 0
    parsed = [json.loads(leaf) for leaf in leaves]
    for leaf, entry in zip(leaves, parsed):
        assert rfc8785.dumps(entry) == leaf, "an entry is not canonical"
        if entry["kind"] == "withdrawal":
            digits = entry["digest"].removeprefix("sha256:")
            withdrawn.add(json.loads((folder / "blob" / "sha256" / digits[:2] / digits).read_bytes())["withdrawn"])
    for entry in parsed:
        digits = entry["digest"].removeprefix("sha256:")
        blob = folder / "blob" / "sha256" / digits[:2] / digits
        if entry["visibility"] == "sealed" or entry["digest"] in withdrawn:
            assert not blob.exists(), "a sealed or withdrawn payload is published"
            sealed += 1
        else:
            data = blob.read_bytes()
            assert hashlib.sha256(data).hexdigest() == digits and len(data) == entry["size"], "a payload is another"
            if entry["mediaType"] == "application/vnd.avouch+json":
                assert rfc8785.dumps(json.loads(data)) == data, "a payload is not canonical"
            payloads += 1
        envelope = folder / "dsse" / "sha256" / digits[:2] / f"{digits}.json"
        if envelope.exists():
            parsed_envelope = Envelope.from_dict(json.loads(envelope.read_bytes()))
            parsed_envelope.verify([key], 1)
            statement = json.loads(parsed_envelope.payload)
            assert statement["_type"] == "https://in-toto.io/Statement/v1"
            assert statement["subject"][0]["digest"]["sha256"] == digits, "a statement is about another payload"
            envelopes += 1
    assert payloads and envelopes, "nothing was checked"
    print(f"origin={origin} entries={size} payloads={payloads} sealed={sealed} envelopes={envelopes}")


if __name__ == "__main__":
    main(*sys.argv[1:])
