#!/usr/bin/env python3
"""Writes fuzz/corpus from the test vectors and the recordings in tests/data.

The result is checked in; run this after changing either of them.
"""

import hashlib
import json
import struct
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / "tests" / "data"


def seed(target: str, data: bytes) -> None:
    directory = HERE / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


vectors = json.loads((DATA / "vectors.json").read_text())

for frame in vectors["frames"]:
    if frame["direction"] == "c2s":
        seed("frames", bytes.fromhex(frame["hex"]))
    seed("text", bytes.fromhex(frame["hex"])[6:])
for entry in vectors["streams"] + vectors["voice"]:
    seed("frames", bytes.fromhex(entry["hex"]))
for entry in vectors["string_encoding"]["encode"][::7] + vectors["string_encoding"]["decode_reject"]:
    seed("text", bytes([entry["challenge"] // 6 % 256]) + entry["encoded"].encode())
for entry in vectors["codebook"]["strings"][::4]:
    seed("text", bytes([entry["challenge"] // 6 % 256]) + entry["encoded"].encode())

for path in sorted((DATA / "captures").glob("*.jsonl")):
    connections: dict[str, bytes] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["dir"] != "c2s" or not record["type"]:
            continue
        payload = bytes.fromhex(record["hex"])
        header = struct.pack(">HHH", int(record["type"], 16), int(record["ver"], 16), len(payload))
        key = str(record["conn"])
        connections[key] = connections.get(key, b"") + header + payload
    for stream in connections.values():
        seed("frames", stream)
