#!/usr/bin/env python3
"""Verifies the audit trails of a directory as `sallyport audit verify` does, and shares no code with it: it does what the section
"The format, for whoever verifies it" in audit.md says, in Python 3.9 or later. Exit code: 0 nothing found, 1 findings, 2 unread.

    python3 verify-audit.py DIRECTORY [--key VKEY]... [--checkpoint FILE]...
"""

import argparse
import base64
import gzip
import hashlib
import json
import os
import re
import sys
import zlib

# Ed25519 as in section 6 of RFC 8032. A point is (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    minus, plus = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    c, d = 2 * D * a[3] * b[3], 2 * a[2] * b[2]
    e, f, g, h = (plus - minus) % P, (d - c) % P, (d + c) % P, (plus + minus) % P
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def decode_point(data):
    """The point of 32 bytes, or None where they are not the encoding of one."""
    sign, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else P - x
    return (x, y, 1, x * y % P)


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_signed(public, message, signature):
    a, r, s = decode_point(public), decode_point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(r, times(k, a))
    return all((left[at] * right[2] - right[at] * left[2]) % P == 0 for at in (0, 1))


def read_key(text):
    """Name, id and 32 bytes of a public key as `sallyport audit key` prints it."""
    form = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", text.strip())
    typed = base64.b64decode(form[3]) if form else b""
    key_id = hashlib.sha256(form[1].encode() + b"\n" + typed).digest()[:4] if form else b""
    if typed[:1] != b"\x01" or key_id.hex() != form[2]:
        raise ValueError("--key: that is no Ed25519 verifier key")
    return form[1], key_id, typed[1:]


def open_note(note, keys):
    """What a signed note is a checkpoint of, as (trail, number, hash in hex); None where no key signed it, or it is none."""
    text, _, signatures = note.rpartition("\n\n")
    form = re.match(r"(\S+)/([0-9a-f]{12})\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)(?:\n|$)", text)
    for _, name, signature in re.findall(r"^(— (\S+) ([A-Za-z0-9+/]{91}=))$", signatures, re.MULTILINE):
        data = base64.b64decode(signature)
        for key_name, key_id, public in keys:
            if (name, data[:4]) == (key_name, key_id) and is_signed(public, f"{text}\n".encode("utf-8", "replace"), data[4:]):
                return (form[2], int(form[3]), base64.b64decode(form[4]).hex()) if form and form[1] == name else None
    return None


def read_kept(path, keys):
    """The checkpoints in a file: signed notes one behind the other, or members `checkpoint` of lines of JSON."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    notes = re.findall(r"^(?:[^\n]+\n)+\n(?:— [^\n]+(?:\n|\Z))+", text, re.MULTILINE)
    members = [(parse(line) or {}).get("checkpoint") for line in text.split("\n") if line.startswith("{")]
    notes += ["\n".join(map(str, member)) if isinstance(member, list) else str(member) for member in members if member]
    if not notes:
        raise ValueError(f"{path}: there is no checkpoint in it")
    checkpoints = [open_note(note, keys) for note in notes]
    if None in checkpoints:
        raise ValueError(f"{path}: a checkpoint in it was not signed by a key that was given")
    return checkpoints


def parse(text):
    """The object that a text is in JSON; None for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_line(line):
    """A record where the line is one; "altered" where it was one; None where it is, at best, the beginning of one."""
    seal = re.fullmatch(rb',"hash":"([0-9a-f]{64})"\}', line[-75:]) if len(line) <= 1_048_576 else None
    if seal is None:
        end = line.rfind(b',"hash":"') + 75
        return "altered" if 75 <= end < len(line) and isinstance(read_line(line[:end]), dict) else None
    record, digest = parse(line.decode("utf-8", "replace")) or {}, seal[1].decode()
    texts = all(isinstance(record.get(name), str) for name in ("prev", "time", "event"))
    whole = texts and record.get("v") == 1 and type(record.get("seq")) is int and record.get("hash") == digest
    record["note"] = record["note"] if isinstance(record.get("note"), dict) else {}
    return record if whole and hashlib.sha256(line[:-75]).hexdigest() == digest else "altered"


def digest_of(file):
    """Over all bytes of an open file, from its beginning."""
    file.seek(0)
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(1_048_576), b""):
        digest.update(block)
    return f"sha256:{digest.hexdigest()}"


class Trail:
    """One chain, told of line by line; keeps what it found."""

    def __init__(self, keys, kept):
        self.keys, self.kept = keys, kept
        self.findings, self.expired, self.gap = [], [], []
        self.id = self.first = self.last = None
        self.signed, self.is_torn = 0, False
        self.holes, self.told, self.vouched = {}, None, None

    def found(self, text):
        self.findings.append(f"{self.place}: {text}")

    def miss(self, last, seq):
        """Records between two of one file may have been taken out of it: what is behind the file says so."""
        text = f"{self.place}: records {last + 1} to {seq - 1} are missing"
        if self.is_begun:
            self.holes.setdefault(self.file, {"digest": None, "findings": []})["findings"].append(text)
        else:
            self.findings.append(text)

    def accept(self, file, digest):
        if self.holes.get(file, {}).get("digest") == digest is not None:
            del self.holes[file]

    def read(self, place, line, ended):
        self.place, record = place, read_line(line)
        if record is None:
            self.is_torn = not self.gap and not ended
            self.gap.append((place, line))
        elif record == "altered":
            self.settle_gap()
            self.found("the record was changed after it was written")
        else:
            self.settle_gap(record["event"], record["note"].get("torn"))
            self.follow(record)

    def settle_gap(self, event="", torn=None):
        data = b"\n".join(line for _, line in self.gap)
        told = {"bytes": len(data), "digest": f"sha256:{hashlib.sha256(data).hexdigest()}"}
        fits = self.gap and event == "start" and torn == told
        if self.gap and not fits:
            self.findings.append(f"{self.gap[0][0]}: no record, and no start record behind declares a torn write")
        if torn is not None and not fits:
            self.found("it declares a torn tail that is not there")
        self.gap = []

    def read_files(self, files):
        for path in files:
            self.settle_gap()
            self.file, self.is_begun = os.path.basename(path).removesuffix(".gz"), False
            with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
                try:
                    for number, line in enumerate(file, 1):
                        self.read(f"{path}:{number}", line.removesuffix(b"\n"), line.endswith(b"\n"))
                    if self.file in self.holes:
                        self.holes[self.file]["digest"] = digest_of(file)
                except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                    self.findings.append(f"{path}: the compressed file is damaged: {error}")
        if not self.is_torn:
            self.settle_gap()
        if self.first and self.first[1] != 0 and self.first[1:] not in self.expired:
            self.findings.append(f"{self.first[0]}: nothing says what became of the records before this one")
        for trail, seq in self.kept:
            if self.last and trail == self.id and seq > self.last["seq"]:
                self.found(f"a checkpoint that was kept is of record {seq}: the end was cut off")
        self.findings += [text for holes in self.holes.values() for text in holes["findings"]]
        return self

    def follow(self, record):
        seq, trail, last = record["seq"], record.get("trail"), self.last
        if last is None:
            self.id, self.first = trail, (self.place, seq - 1, record["prev"])
            if seq == 1 and record["prev"] != "0" * 64:
                self.found("the first record links to another one")
        elif seq <= last["seq"]:
            return self.found(f"record {seq} stands behind record {last['seq']}")
        elif seq > last["seq"] + 1:
            self.miss(last["seq"], seq)
        elif record["prev"] != last["hash"]:
            self.found(f"record {seq} does not link to the one before it")
        if last and seq > last["seq"] + 1 and self.kept.get((trail, seq - 1), record["prev"]) != record["prev"]:
            self.found(f"a checkpoint that was kept has another hash for record {seq - 1}")
        self.last, self.is_begun = record, True
        if trail != self.id:
            self.found(f"record {seq} is of another trail")
        if record["event"] == "expired":
            self.expired.append((record["note"].get("to"), record["note"].get("hash")))
        if self.kept.get((trail, seq), record["hash"]) != record["hash"]:
            self.found(f"a checkpoint that was kept has another hash for record {seq}")
        told, self.told = self.told, None
        file, digest = record["note"].get("file"), record["note"].get("digest")
        if record["event"] == "expired" and trail == self.id and isinstance(file, str) and isinstance(digest, str):
            self.told = (seq, record["hash"], file, digest)
        if self.keys:
            self.weigh_signature(record, told)
        elif self.told:
            self.accept(*self.told[2:])

    def weigh_signature(self, record, told):
        """`told` is what the record before says of a file that records were taken out of."""
        if self.vouched is None:
            self.vouched = record["seq"] - 1
        if record["event"] != "checkpoint":
            if record["seq"] - self.vouched > 10_000:
                self.found("more than 10,000 records have no checkpoint")
                self.vouched = record["seq"]
        elif open_note(str(record.get("checkpoint")), self.keys) == (self.id, record["seq"] - 1, record["prev"]):
            self.signed, self.vouched = record["seq"] - 1, record["seq"]
            if told and told[:2] == (record["seq"] - 1, record["prev"]):
                self.accept(*told[2:])
        else:
            self.found("a checkpoint that no known key signed, or of something else than the records before it")

    def summary(self):
        signed = f"signed through {self.signed}" if self.keys else "signatures not looked at"
        torn = "; its last line is torn, and no start has declared that yet" if self.gap else ""
        return f"trail {self.id!a}: through record {self.last['seq'] if self.last else 0}, {signed}{torn}"


def files_of_trails(directory):
    """For each trail its files, closed ones by number, then the active one; the plain form where there are both."""
    trails, names = {}, set(os.listdir(directory))
    for name in sorted(names | {name.removesuffix(".gz") for name in names}):
        form = re.fullmatch(r"(audit(?:-(?:[2-9]|[1-9][0-9]{1,2}))?)(?:\.([0-9]{12}))?\.jsonl", name)
        if form and (name in names or form[2]):
            path = os.path.join(directory, name if name in names else f"{name}.gz")
            trails.setdefault(form[1], []).append((form[2] or "active", path))
    return [[path for _, path in sorted(files)] for files in trails.values()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--key", action="append", default=[], metavar="VKEY")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="FILE")
    options = parser.parse_args()
    keys = [read_key(text) for text in options.key]
    kept = {(trail, seq): digest for path in options.checkpoint for trail, seq, digest in read_kept(path, keys)}
    trails = [Trail(keys, kept).read_files(files) for files in files_of_trails(options.directory)]
    if not trails:
        raise ValueError(f"there is no audit trail in {options.directory}")
    absent = sorted({trail for trail, _ in kept} - {trail.id for trail in trails})
    findings = [text for trail in trails for text in trail.findings]
    findings += [f"{options.directory}: a checkpoint that was kept is of trail {trail}, which is not here" for trail in absent]
    print("\n".join([*findings, *(trail.summary() for trail in trails), "NOT ok" if findings else "ok"]))
    return 1 if findings else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
