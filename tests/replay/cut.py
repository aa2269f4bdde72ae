#!/usr/bin/env python3
"""Cuts replay traces from real source files: the same sources and seeds give the same traces.

    python3 tests/replay/cut.py FOLDER

FOLDER holds the unpacked packages that `SOURCES.tsv` names, each as PACKAGE-VERSION. Of every file listed
there some text is taken out at two to four places; typing it back is the trace. README.md has the format.
"""

import random
import re
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent
KEYS_MIN, KEYS_MAX = 42, 112
COMMENT = ("//", "#", "*", "/*", '"""', "--")
NEIGHBOURS = "qwertyuiopasdfghjklzxcvbnm"


def keys_of(text):
    """Keys that typing `text` takes: a line break brings its indentation along."""
    return len(re.sub(r"\n[ \t]*", "\n", text))


def lines_with_offsets(text):
    offset = 0
    for line in text.split("\n"):
        yield offset, line
        offset += len(line) + 1


def is_code(line):
    return len(line.strip()) >= 15 and not line.strip().startswith(COMMENT)


def whole_lines(text, draw):
    """One to three whole lines, typed from the end of the line above."""
    lines = list(lines_with_offsets(text))
    for _ in range(60):
        first = draw.randrange(6, len(lines) - 3)
        count = draw.choice((1, 1, 1, 2, 2, 3))
        body = [line for _, line in lines[first : first + count]]
        indent = len(body[0]) - len(body[0].lstrip())
        if not is_code(body[0]) or indent == 0 or not lines[first - 1][1].strip():
            continue
        if any(not line.strip() or len(line) - len(line.lstrip()) < indent for line in body):
            continue
        start = lines[first - 1][0] + len(lines[first - 1][1])
        last = lines[first + count - 1]
        return start, last[0] + len(last[1]), ""
    return None


def tail_of_line(text, draw):
    """The end of a line, from the beginning of a word on."""
    lines = list(lines_with_offsets(text))
    for _ in range(60):
        offset, line = lines[draw.randrange(5, len(lines) - 2)]
        if not is_code(line) or len(line.strip()) < 24:
            continue
        words = [at.start() for at in re.finditer(r"\b\w", line)]
        words = [at for at in words if len(line) - at >= 9 and at > len(line) - len(line.lstrip()) + 2]
        if words:
            return offset + draw.choice(words), offset + len(line), ""
    return None


def inside_brackets(text, draw):
    """What stands between two brackets of a line: something follows the cursor."""
    found = list(re.finditer(r"\(([^()\n]{7,50})\)", text))
    draw.shuffle(found)
    for match in found:
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.end()]
        if text.count("\n", 0, match.start()) >= 5 and not line.strip().startswith(COMMENT):
            return match.start(1), match.end(1), ""
    return None


def renamed(text, draw):
    """A word that stands there wrongly, is erased and typed anew with what follows it in its line."""
    place = tail_of_line(text, draw)
    words = [word for word in re.findall(r"[A-Za-z_]{4,9}", text)]
    if place is None or not words:
        return None
    return place[0], place[1], draw.choice(words)


def places(text, draw):
    """Places to type at, far enough from each other, within the bounds of a trace."""
    kinds = [whole_lines, draw.choice((tail_of_line, inside_brackets)), draw.choice((renamed, whole_lines))]
    chosen, keys = [], 0
    for attempt in range(24):
        kind = kinds[attempt] if attempt < 3 else draw.choice((whole_lines, tail_of_line, inside_brackets, renamed))
        place = kind(text, draw)
        if place is None:
            continue
        start, end, wrong = place
        cost = keys_of(text[start:end]) + len(wrong)
        far = all(text.count("\n", min(start, other[0]), max(end, other[1])) >= 4 for other in chosen)
        apart = all(end < other[0] or other[1] < start for other in chosen)
        if far and apart and cost <= 75 and keys + cost <= KEYS_MAX:
            chosen.append(place)
            keys += cost
        if keys >= 60 and len(chosen) >= 2:
            break
    return chosen if keys >= KEYS_MIN and len(chosen) >= 2 else None


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def typing(text, draw):
    """Events that type `text`: now and then a pause, and a slip that is taken back."""
    pieces = [piece for piece in re.split(r"(?<=[\s(,.;])(?=\S)", text) if piece]
    events, run, slips = [], "", 1 if draw.random() < 0.45 else 0
    for piece in pieces:
        if run and "\n" in run and draw.random() < 0.3:
            events += [f"type {escaped(run)}", f"pause {draw.randrange(600, 1300, 50)}"]
            run = ""
        elif run and draw.random() < 0.08:
            events += [f"type {escaped(run)}", f"pause {draw.randrange(400, 1000, 50)}"]
            run = ""
        if slips and len(run) > 6 and re.match(r"[a-z]{4}", piece):
            cut = draw.randrange(1, 3)
            wrong = "".join(draw.choice(NEIGHBOURS) for _ in range(draw.choice((1, 1, 2))))
            if not piece[cut:].startswith(wrong[0]):
                run += piece[:cut]
                events += [f"type {escaped(run)}", f"slip {wrong}"]
                run, piece, slips = "", piece[cut:], 0
        run += piece
    if run:
        events.append(f"type {escaped(run)}")
    return events


def cut(text, draw):
    """The text without the places, and the events that bring it back."""
    chosen = places(text, draw)
    if chosen is None:
        return None
    order = chosen[:]
    draw.shuffle(order)
    done, events = set(), []
    for place in order:
        # Where the place begins in the text as it stands when the cursor comes to it.
        before = "".join(now(text, chosen, done, place[0]))
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        start, end, wrong = place
        events.append(f"pause {draw.randrange(1200, 2600, 100)}")
        events.append(f"at {line}:{column + len(wrong)}")
        if wrong:
            events.append(f"erase {len(wrong)}")
        events += typing(text[start:end], draw)
        done.add(place)
    events.append("pause 1500")
    return "".join(now(text, chosen, set(), len(text))), events


def now(text, chosen, done, limit):
    """Pieces of the text up to `limit` as it stands when the places in `done` are typed."""
    at = 0
    for start, end, wrong in sorted(chosen):
        if start >= limit:
            break
        yield text[at:start]
        yield text[start:end] if (start, end, wrong) in done else wrong
        at = end
    yield text[at:limit]


def main(folder):
    rows = [line.split("\t") for line in (HERE / "SOURCES.tsv").read_text().splitlines()[1:]]
    for index, (name, language, registry, package, version, licence, path) in enumerate(rows):
        file = Path(folder) / f"{package.replace('/', '_').replace(':', '_')}-{version}" / path
        text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
        seed = zlib.crc32(name.encode())
        for attempt in range(40):
            draw = random.Random(seed + attempt)
            made = cut(text, draw)
            if made:
                break
        else:
            sys.exit(f"nothing can be cut from {file}")
        start, events = made
        if not start.endswith("\n"):
            start += "\n"
        head = [f"name {name}", f"language {language}", f"path {path.split('/')[-1]}"]
        head += [f"rhythm {'fast' if index % 3 == 2 else 'normal'}", f"seed {seed % 1000000}"]
        out = "\n".join(["freehold trace 1", *head, f"text {start.count(chr(10))}"]) + "\n" + start
        (HERE / "traces" / f"{name}.trace").write_text(out + "\n".join(events) + "\n", encoding="utf-8")
    print(f"{len(rows)} traces")


if __name__ == "__main__":
    (HERE / "traces").mkdir(exist_ok=True)
    main(sys.argv[1])
