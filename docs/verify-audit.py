#!/usr/bin/env python3
"""Verifies the audit trails of a directory as `sallyport audit verify` does, and shares no code with it: it does what the section
"The format, for whoever verifies it" in audit.md says, in Python 3.9 or later. Exit code: 0 nothing found, 1 findings, 2 unread.

    python3 verify-audit.py DIRECTORY [--key KEY]... [--checkpoint FILE]...
"""

import argparse
import base64
import hashlib
import json
import os
import re
import stat
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
    """Name, id and 32 bytes of a public key as `sallyport audit key` prints it, or of a file with it."""
    if os.path.isfile(text):
        with open(text, encoding="utf-8", errors="replace") as file:
            text = file.read()
    form = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", text.strip())
    typed = base64.b64decode(form[3]) if form else b""
    key_id = hashlib.sha256(form[1].encode() + b"\n" + typed).digest()[:4] if form else b""
    if typed[:1] != b"\x01" or key_id.hex() != form[2]:
        raise ValueError("--key: that is no Ed25519 verifier key, and no file with one")
    return form[1], key_id, typed[1:]


def open_note(note, keys):
    """What a signed note is a checkpoint of, as (trail, number, hash in hex); None where no key signed it, or it is none."""
    text, _, signatures = note.rpartition("\n\n")
    form = re.match(r"(\S+)/([0-9a-f]{12})\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)(?:\n|$)", text)
    found = re.findall(r"^— (\S+) ([A-Za-z0-9+/]{91}=)$", signatures, re.MULTILINE)
    signed = [(name, data[:4], data[4:]) for name, data in ((name, base64.b64decode(data)) for name, data in found)]
    for name, key_id, public in keys:
        own = [signature for signer, signer_id, signature in signed if (signer, signer_id) == (name, key_id)]
        if form and form[1] == name and own and is_signed(public, f"{text}\n".encode("utf-8", "replace"), own[0]):
            return form[2], int(form[3]), base64.b64decode(form[4]).hex()
    return None


def find_notes(lines):
    """Signed notes that stand one behind the other: lines, one that is empty, and signatures."""
    text, signatures, is_parted = [], [], False
    for line in [*lines, ""]:
        if is_parted and line.startswith("— "):
            signatures.append(line)
        elif line == "" and text and not is_parted:
            is_parted = True
        else:
            if signatures:
                yield "\n".join([*text, "", *signatures, ""])
            if is_parted:
                text, signatures, is_parted = [], [], False
            text += [line] if line else []


def read_kept(path, keys):
    """The checkpoints in a file: signed notes one behind the other, or members `checkpoint` of lines of JSON."""
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        lines = file.read().split("\n")
    notes = list(find_notes(lines))
    for member in ((parse(line) or {}).get("checkpoint") for line in lines if line.startswith("{")):
        if isinstance(member, list) and all(isinstance(each, str) for each in member):
            notes.append("\n".join(member))
        elif isinstance(member, str):
            notes.append(member)
    if not notes:
        raise ValueError(f"{path}: there is no checkpoint in it")
    checkpoints = [open_note(note, keys) for note in notes]
    if None in checkpoints:
        raise ValueError(f"{path}: a checkpoint in it was not signed by a key that was given")
    return checkpoints


def refuse(constant):
    """Python would read NaN and Infinity."""
    raise ValueError(f"{constant} is no JSON")


def read_integer(digits):
    """As a double where it is long: Python refuses integers of more than some thousand digits."""
    return int(digits) if len(digits) < 20 else float(digits)


def parse(text):
    """The object that a text is in JSON; None for anything else."""
    try:
        value = json.loads(text, parse_int=read_integer, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def whole(value):
    """An integer, in whatever form JSON has it; None for anything else, and for what no double has exactly."""
    is_number = type(value) is int or (type(value) is float and value.is_integer())
    return int(value) if is_number and abs(value) < 2**53 else None


def read_line(line):
    """A record where the line is one; "altered" where it was one; "newer"; None where it is, at best, the beginning of one."""
    seal = re.fullmatch(rb',"hash":"([0-9a-f]{64})"\}', line[-75:])
    record = parse(line.decode("utf-8", "replace")) or {}
    record["seq"], version = whole(record.get("seq")), whole(record.get("v"))
    if seal is None:
        end = line.rfind(b',"hash":"') + 75
        if 75 <= end < len(line) and isinstance(read_line(line[:end]), dict):
            return "altered"
        is_newer = version is not None and version > 1 and record["seq"] is not None and isinstance(record.get("event"), str)
        return "newer" if is_newer else None
    texts = all(isinstance(record.get(name), str) for name in ("trail", "prev", "time", "event"))
    is_whole = texts and version == 1 and record["seq"] is not None
    record["note"] = record["note"] if isinstance(record.get("note"), dict) else {}
    record["hash"] = seal[1].decode()
    return record if is_whole and hashlib.sha256(line[:-75]).hexdigest() == record["hash"] else "altered"


class Gap:
    """Lines that are no records, one behind the other."""

    def __init__(self, place):
        self.place, self.size, self.lines, self.hash = place, 0, 0, hashlib.sha256()

    def add(self, data, is_first):
        joined = b"\n" + data if is_first and self.lines else data
        self.hash.update(joined)
        self.size, self.lines = self.size + len(joined), self.lines + is_first

    def is_declared(self, torn):
        told = torn if isinstance(torn, dict) else {}
        return whole(told.get("bytes")) == self.size and told.get("digest") == f"sha256:{self.hash.hexdigest()}"


def digest_of(path, file):
    """Over all that is in an open file, from its beginning."""
    file.seek(0)
    digest = hashlib.sha256()
    for chunk in chunks_of(path, file):
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


class Trail:
    """One chain, told of line by line; keeps what it found."""

    def __init__(self, keys, kept):
        self.keys, self.kept = keys, kept
        self.findings, self.expired, self.gap = [], set(), None
        self.id = self.first = self.last = None
        self.signed, self.is_open = 0, False
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

    def read(self, place, data, has_ended, is_first):
        self.place = place
        record = read_line(data) if is_first and len(data) <= LONGEST else None
        self.is_open = record is None and not has_ended
        if record is None:
            self.gap = self.gap or Gap(place)
            self.gap.add(data, is_first)
        elif isinstance(record, str):
            self.settle_gap()
            self.found("the record was changed after it was written" if record == "altered" else "a record of a later format")
        else:
            self.settle_gap(record["event"], record["note"].get("torn"))
            self.follow(record)

    def settle_gap(self, event="", torn=None):
        fits = self.gap is not None and event == "start" and self.gap.is_declared(torn)
        if self.gap and not fits:
            self.findings.append(f"{self.gap.place}: no record, and no start record behind declares a torn write")
        if torn is not None and not fits:
            self.found("it declares a torn tail that is not there")
        self.gap = None

    def read_files(self, files):
        for path, file in files:
            self.settle_gap()
            self.is_open, number = False, 0
            self.file, self.is_begun = os.path.basename(path).removesuffix(".gz"), False
            try:
                for data, has_ended, is_first in lines_of(chunks_of(path, file)):
                    number += is_first
                    self.read(f"{path}:{number}", data, has_ended, is_first)
                if self.file in self.holes:
                    self.holes[self.file]["digest"] = digest_of(path, file)
            except (EOFError, zlib.error) as error:
                self.findings.append(f"{path}: the compressed file is damaged: {error}")
        # A last line that has not ended is what any crash leaves.
        if not (self.is_open and self.gap and self.gap.lines == 1):
            self.settle_gap()
        if self.first and self.first[1] != 0 and self.first[1:] not in self.expired:
            self.findings.append(f"{self.first[0]}: nothing says what became of the records before this one")
        for trail, seq in self.kept:
            if self.last and trail == self.id and seq > self.last["seq"]:
                self.found(f"a checkpoint that was kept is of record {seq}: the end was cut off")
        self.findings += [text for holes in self.holes.values() for text in holes["findings"]]
        return self

    def follow(self, record):
        seq, trail, last = record["seq"], record["trail"], self.last
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
        if last and seq > last["seq"] + 1 and self.kept.get((trail, seq - 1), {record["prev"]}) != {record["prev"]}:
            self.found(f"a checkpoint that was kept has another hash for record {seq - 1}")
        self.last, self.is_begun = record, True
        if trail != self.id:
            self.found(f"record {seq} is of another trail")
        note = record["note"]
        if record["event"] == "expired" and whole(note.get("to")) is not None and isinstance(note.get("hash"), str):
            self.expired.add((whole(note["to"]), note["hash"]))
        if self.kept.get((trail, seq), {record["hash"]}) != {record["hash"]}:
            self.found(f"a checkpoint that was kept has another hash for record {seq}")
        told, self.told = self.told, None
        file, digest = note.get("file"), note.get("digest")
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


LONGEST = 1_048_576


def chunks_of(path, file):
    """What is in a file, as it was before it was compressed."""
    chunks = iter(lambda: file.read(65_536), b"")
    if not path.endswith(".gz"):
        yield from chunks
        return
    engine = zlib.decompressobj(31)
    for chunk in chunks:
        while chunk:
            # There may be several one behind the other, and nothing else.
            engine = zlib.decompressobj(31) if engine.eof else engine
            yield engine.decompress(chunk)
            chunk = engine.unused_data
    if not engine.eof:
        raise EOFError("it has no end")


def lines_of(chunks):
    """Lines as (bytes, whether a newline follows, True); of a long one pieces, of which only the first says True."""
    rest, is_first = b"", True
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line, True, is_first
            is_first = True
        if len(rest) > LONGEST:
            yield rest, False, is_first
            rest, is_first = b"", False
    if rest:
        yield rest, False, is_first


def open_if_there(path):
    """A regular file; None where there is nothing of that name. A FIFO is not waited at."""
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise ValueError(f"{path} is not a regular file")
    return file


def find_files(directory):
    """For each trail, by the beginning of its files' names, the numbers of its closed files in order."""
    trails = {}
    for name in os.listdir(directory):
        form = re.fullmatch(r"(audit(?:-(?:[2-9]|[1-9][0-9]{1,2}))?)(?:\.([0-9]{12}))?\.jsonl(\.gz)?", name)
        if form and (form[2] or not form[3]):
            trails.setdefault(form[1], set()).update([form[2]] if form[2] else [])
    return {trail: sorted(numbers) for trail, numbers in sorted(trails.items())}


def files_in_turn(directory, trail):
    """The files of a trail, as (path, file): closed ones by number, the plain form where there are both, then the active one."""
    opened = ""
    while True:
        # Opened before it is looked for what is closed: a gateway may close it while the others are read.
        path = os.path.join(directory, f"{trail}.jsonl")
        active = open_if_there(path)
        inode = os.fstat(active.fileno()).st_ino if active else None
        closed = [number for number in find_files(directory).get(trail, []) if number > opened]
        closed = [(number, os.path.join(directory, f"{trail}.{number}.jsonl")) for number in closed]
        # In the moment of its closing a file has both names.
        closed = [(number, name) for number, name in closed if not (os.path.exists(name) and os.stat(name).st_ino == inode)]
        if not closed:
            break
        if active:
            active.close()
        for opened, name in closed:
            for form in (name, f"{name}.gz"):
                file = open_if_there(form)
                if file:
                    with file:
                        yield form, file
                    break
    if active:
        with active:
            yield path, active


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", help="with the files of one trail or more")
    parser.add_argument("--key", action="append", default=[], help="public key of the checkpoints, or a file with it")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="FILE", help="checkpoints that were kept elsewhere")
    options = parser.parse_args()
    keys = [read_key(text) for text in options.key]
    kept = {}
    for trail, seq, digest in (checkpoint for path in options.checkpoint for checkpoint in read_kept(path, keys)):
        kept.setdefault((trail, seq), set()).add(digest)
    found = find_files(options.directory)
    trails = [Trail(keys, kept).read_files(files_in_turn(options.directory, trail)) for trail in found]
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
