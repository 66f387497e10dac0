#!/usr/bin/env python3
"""Writes seeds into fuzz/corpus: from the test vectors and recordings in tests/data, the files in
fuzz/seeds, config.toml, and from what stands here.

The result is checked in, together with what fuzzing has found; `scripts/fuzz --minimise` keeps of both
what makes a difference.
"""

import hashlib
import json
import re
import struct
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / "tests" / "data"


def seed(target: str, data: bytes) -> None:
    directory = HERE / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


vectors = json.loads((DATA / "vectors.json").read_text())

# The types that clients send, as the body of `packets` counts them.
from_clients = [
    int(line.split(",")[0], 16)
    for line in (DATA / "packets.csv").read_text().splitlines()[1:]
    if line.split(",")[3] != "s2c"
]


def packet(frame: bytes) -> None:
    number = struct.unpack(">H", frame[:2])[0]
    if number in from_clients:
        seed("packets", bytes([from_clients.index(number)]) + frame[6:])
    seed("records", frame[6:])


for frame in vectors["frames"]:
    data = bytes.fromhex(frame["hex"])
    if frame["direction"] == "c2s":
        seed("frames", data)
        packet(data)
    seed("text", data[6:])
for entry in vectors["streams"]:
    seed("frames", bytes.fromhex(entry["hex"]))
for entry in vectors["voice"]:
    data = bytes.fromhex(entry["hex"])
    seed("rtp", data)
    for piece in (7, 160):
        seed("voice", bytes([piece]) + data)
        seed("voice", bytes([piece]) + struct.pack(">II", 50001, 1000002) + struct.pack(">I", len(data)) + data)
seed("voice", bytes([3]) + struct.pack(">iiII", -50001, -1000002, 0, 4) + b"room" + struct.pack(">I", 1501))
for entry in vectors["string_encoding"]["encode"][::7] + vectors["string_encoding"]["decode_reject"]:
    seed("cipher", bytes([entry["challenge"] // 6 % 256]) + entry["encoded"].encode())
for entry in vectors["codebook"]["strings"][::4]:
    seed("cipher", bytes([entry["challenge"] // 6 % 256]) + entry["encoded"].encode())
for word in [b"509", b"510", b"735", b"h2kclan", b"\xff\x80"]:
    seed("cipher", b"\x02" + word)

for path in sorted((DATA / "captures").glob("*.jsonl")):
    connections: dict[str, bytes] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["dir"] != "c2s" or not record["type"]:
            continue
        payload = bytes.fromhex(record["hex"])
        header = struct.pack(">HHH", int(record["type"], 16), int(record["ver"], 16), len(payload))
        packet(header + payload)
        key = str(record["conn"])
        connections[key] = connections.get(key, b"") + header + payload
    for stream in connections.values():
        seed("frames", stream)

for text in [
    b"/w Zoe: psst", b"<pb>hello</pb>", b"<pfont color=\"#0\">x</pfont>", b"<<pb>pimg src=1>", b"a\xad b\x95 c",
    b"newuser", b"Bob  Smith", b"Jazz Cellar",
]:
    seed("text", text)

for text in [
    "room:lobby strikes>1 idle>10m", 'ip:10.0.0.0/8 !client:5.0 or nick="zo\u00eb the 1st"', "!(bob or ann)",
    "(a (b (c or d) and e))", "name:jazz voice=yes locked=no members>=2", "in>1k muted<2h", "last_at:2026",
    "ip:::ffff:10.0.0.1", "rooms>1 room=7 uid!=1000002",
]:
    seed("filter", text.encode())

for text in [
    "kspam*\nkbad word\nr(?:buy|sell) now\nbuy spam at http://example.com",
    "dexample.com\nuexample.com/rooms\nxhttps?://a\\.b/.*\nsee http://sub.example.com, example (dot) com and www.x.y",
    "dexample.com\nhttp://sub.example.com/a and https://example.com. and evil-example.com",
    "uexample.com/rooms/\nhttp://example.com/rooms/7 example.com/rooms/../x example.com/rooms?y",
    "xexample\\.com/[a-z]+\nexample.com/abc example.com/7 www.example.com\\x a@example.com",
    "k*ass*\nr\\bx+\\b\nr[a-z]{3,9}$\nclass of x bob@example.com example.com/rooms?x",
]:
    seed("guard", text.encode("latin-1"))

IN_ROOM, TO_SERVICE = 0, 4
for script in [
    "0/help", "4/help kick", "4/users\n4/rooms\n4/stats", "0/kick Bobby rude", '4/mute "Bob Smith" 30m loud\n4/info Bob',
    "4/warn #1000004 x\n4/warnings Bobby\n4/clear warnings Bobby", "4/ban 192.0.2.0/24 2h nest\n4/bans\n4/unban 192.0.2.0/24",
    "4/ban Nobody 7d spam", "4/broadcast hello", "4/maintenance on back soon\n4/maintenance off",
    "4/filter add -regex -severity 5 x+\n4/filter list\n4/filter test xx\n4/filter off 1",
    "4/antispam list\n4/antispam set flood off\n4/antispam reset flood\n4/antispam top", "4/link allow example.com\n4/link list",
    "4/auditlog action=kick by=Zoe since=7d", "4/slowmode server 10", "2/w Bobby: psst\n2/i Bobby on\n2/t Tonight",
    "2/slowmode 10\n2/link Bobby on\n2/o Bobby\n2/c 1234\n2/welcome Hi\n2/lock sesame\n2/unlock",
    "2/rating R\n2/speakers 3\n2/links members\n0/permanent off", "3/o Bobby\n3/kick Zoe\n7/strikes",
    "5/restrict Bobby 1d12h x\n5/unrestrict Bobby\n5/notice All well\n5/close Lobby noise", "0hello\n1/strikes Bobby",
]:
    lines = script.split("\n")
    data = b"\n".join(bytes([0x30 + int(line[0])]) + line[1:].encode() for line in lines)
    for answers in (0x55, 0xFF):
        seed("commands", data + bytes([answers]))

for request in [
    "GET /location2.txt HTTP/1.0\r\n\r\n", "HEAD /webreg.html HTTP/1.1\r\nHost: www.paltalk.com\r\n\r\n",
    "GET http://www.paltalk.com/health HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "PUT /l90.html HTTP/1.1\r\n\r\n",
    "GET /perl/permGroup.pl?password=x HTTP/1.1\r\n\r\n", "GET /banners/custom/nobannerbanner.gif HTTP/1.0\r\n\r\n",
    "POST /webreg.html HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    "1b\r\nnickname=Bob&password=secret\r\nd\r\n&again=secret\r\n0\r\n\r\n",
    "POST /webreg.html HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", "\x16\x03\x01\x02", "GET /" + "a" * 3000,
]:
    seed("http", b"\0" + request.encode())
for form in [
    "nickname=Zo%EB+B&password=a%26b%3d%25&again=a%26b%3d%25&email=zoe@example.com", "nickname=<b>&x=&=y&flag&p=1&p=2",
    "nickname=Zo%C3%AB&password=gr%C3%BC%C3%9Fe&again=gr%C3%BC%C3%9Fe", "password=1&again=2&nickname=%00%", "a&" * 20,
]:
    for kind in (1, 2):
        seed("http", bytes([kind]) + form.encode())
for fields in ["Zo\u00eb B\nse cret\nzoe@example.com", "Bob\n&#1234;x\n", "<script>\n\"'><&\nx@y", "  \ntab\t56\n@"]:
    seed("http", b"\3" + fields.encode("latin-1"))

for name in [b"a b.txt", b"C:\\My Files\\x.exe. ", b"../../etc/passwd", b"", b"\xff" * 255, b"a\tb\n?", b"n" * 256]:
    seed("transfer", struct.pack("<H", len(name)) + name + struct.pack("<I", 7) + b"data")
    seed("transfer", b"INTRO\t1000002\t77\r\nSEND\t1000002\t1000003\tBob\t12\t" + name + b"\ndata")

config = (HERE.parent / "config.toml").read_text()
sections: list[str] = []
for line in config.splitlines():
    if line.startswith("["):
        sections.append(line)
    elif line and not line.startswith("#") and sections:
        sections[-1] += "\n" + line
for section in sections:
    seed("config", section.encode())
seed("config", b'[limits]\nexempt = ["10.0.0.0/8", "::1"]\noutbox = "256KiB"\nlogin_timeout = "1h30m"\nidle_timeout = "0s"')
seed("config", b'[voice]\ncalls = "relay"\nlisten_udp = ["0.0.0.0:2091", "[::]:2091"]\n[chat]\nlisten = []')
seed("config", b'[limts]\noutbx = 1\n[server]\nname = ""\ndata_dir = 7\n= = =')


def varint(number: int) -> bytes:
    if number < 251:
        return bytes([number])
    return b"\xfb" + struct.pack("<H", number) if number < 1 << 16 else b"\xfc" + struct.pack("<I", number)


def text(value: str) -> bytes:
    return varint(len(value.encode())) + value.encode()


# Messages of the control socket: hello of either side, then requests by their number with arguments that
# fit some of them.
hello = b"\0" + varint(1) + text("0.1.0")
seed("control", hello + b"\0")
seed("control", hello + b"\x07\x02" + text("Paltalk"))
seed("control", struct.pack("<I", len(hello) + 1) + hello + b"\1")
for number in range(48):
    request = b"\1" + varint(7) + varint(number)
    for arguments in (b"", b"\0" * 8, b"\1" + text("Bob") + b"\1" + text("spam") + b"\0", text("Bob") * 2):
        seed("control", request + arguments)
for number in range(8):
    for arguments in (b"\0" * 24, text("why"), b"\1\1" + text("why")):
        seed("control", varint(number) + varint(7) + arguments)

backup = (HERE / "seeds" / "small.backup").read_bytes()
length = struct.unpack("<I", backup[8:12])[0]
manifest, body = backup[16 : 16 + length], backup[16 + length : -36]
unpacked = subprocess.run(["zstd", "-dc"], input=body, stdout=subprocess.PIPE, check=True).stdout
seed("backup", b"\0" + backup)
seed("backup", b"\1" + struct.pack("<H", length) + manifest + body)
seed("backup", b"\2" + bytes([length]) + manifest + unpacked)


def record(key: bytes, value: bytes) -> bytes:
    return bytes([len(key), len(value)]) + key + value


uid = struct.pack(">I", 1000002)
seed("backup", b"\3" + record(b"\1\0", b"\1\7") + record(b"\2" + uid, b"\1abc") + record(b"\3zoe", b"\1" + uid))
seed("backup", b"\3" + record(b"\4" + uid + uid, b"\1\0") + record(b"\x17" + bytes(8), b"\1\0"))

# The files of a store. Some of the seeds take a record that is good from the backup above.
SEALED = re.compile(rb"\x05\x02(....)\x01(.)", re.DOTALL)
at = SEALED.search(unpacked)
account = unpacked[at.end() : at.end() + at.group(2)[0] - 4]
uid = at.group(1)


def change(key: bytes, value: bytes | None) -> bytes:
    return bytes([len(key), 0x80 if value is None else len(value)]) + key + (value or b"")


changes = [
    change(b"\1\1", b"\1\xfc\x50\x42\x0f\x00"), change(b"\2" + uid, account), change(b"\3zoe", b"\1" + uid),
    change(b"\4" + uid + uid, b"\1\0"), change(b"\x0f" + uid + b"\0", b"\1\0\0\0\0\0"), change(b"\3zoe", None),
]
seed("store", b"\0\0")
seed("store", b"\0\1" + bytes(20))
for number in range(1, 7):
    seed("store", b"\1\0" + b"".join(changes[:number]))
    for base in (0, 4, 12):
        seed("store", bytes([2, base | number % 4]) + b"".join(changes[:number] * 3))
for number in range(9, 24):
    seed("store", b"\1\0" + change(bytes([number]) + uid, b"\1" + bytes(6)))
seed("store", b"\1\0" + change(b"\x63" + uid, b"\1") + change(b"", b""))
for which in range(4):
    seed("store", bytes([3, which]) + b"paltalkd store")
