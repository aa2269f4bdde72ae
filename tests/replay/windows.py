"""How much of what stands around a place the model must read: what it says next with more and with less of it.

    python3 windows.py PATH/llama-server MODEL.gguf [COUNT]

Takes COUNT places (140, each somewhere within a line of a trace's file), shows the model each through several windows,
and counts the characters of its greedy answer that are what stands there and those from where it is not; then the same
of what would be shown: of the pieces that are together at least 0.3 likely, if they have three characters. Windows are
tokens before and after the cursor, three bytes each, as the language server estimates them.
"""

import glob
import json
import math
import os
import random
import subprocess
import sys
import time
import urllib.request

WINDOWS = [(48, 12), (64, 16), (96, 24), (96, 48), (128, 32), (256, 64)]
BYTES_PER_TOKEN = 3
ADDRESS = "http://127.0.0.1:18555"
PLACES_PER_FILE = 2
PROBABILITY_MIN = 0.3
SHOWN_CHARACTERS_MIN = 3
LETTERS_MIN = 14


def places(count):
    """Path, text before, text after the line, and the rest of the line; the same ones every time."""
    chance = random.Random(5)
    found = []
    for name in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "traces", "*.trace"))):
        lines = open(name, encoding="utf-8").read().split("\n")
        head = next(index for index, line in enumerate(lines) if line.startswith("text "))
        path = next(line[5:] for line in lines if line.startswith("path "))
        text = lines[head + 1 : head + 1 + int(lines[head][5:])]
        long_enough = [at for at in range(20, len(text) - 5) if len(text[at].strip()) >= LETTERS_MIN]
        for at in chance.sample(long_enough, min(PLACES_PER_FILE, len(long_enough))):
            line = text[at]
            start = len(line) - len(line.lstrip())
            column = chance.randint(start, start + len(line.strip()) * 2 // 3)
            before = "\n".join([*text[:at], line[:column]])
            found.append((path, before, "\n" + "\n".join(text[at + 1 :]), line[column:].rstrip()))
    chance.shuffle(found)
    return found[:count]


def prompt(path, before, after, window):
    before = before[-window[0] * BYTES_PER_TOKEN :]
    before = before[before.find("\n") + 1 :]
    after = after[: window[1] * BYTES_PER_TOKEN]
    after = after[: after.rfind("\n") + 1] or after
    head = f"<|repo_name|>replay\n<|file_sep|>{path}\n"
    return f"{head}<|fim_prefix|>{before}<|fim_suffix|>{after}<|fim_middle|>"


def ask(text):
    body = {"prompt": text, "n_predict": 16, "n_probs": 1, "temperature": 0, "cache_prompt": False, "stop": ["\n"]}
    data = json.dumps(body).encode()
    request = urllib.request.Request(ADDRESS + "/completion", data, {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=120))


def sure(answer):
    """The beginning of the answer that the model is sure of."""
    joint, characters = 0.0, 0
    for piece in answer.get("completion_probabilities", []):
        joint += piece["logprob"]
        if joint < math.log(PROBABILITY_MIN):
            break
        characters += len(bytes(piece["bytes"]).decode(errors="replace"))
    text = answer["content"][:characters]
    return text if len(text) >= SHOWN_CHARACTERS_MIN else ""


def start(program, model):
    environment = {**os.environ, "LD_LIBRARY_PATH": os.path.dirname(program)}
    arguments = "--host 127.0.0.1 --port 18555 -t 2 -c 4096 -m".split()
    server = subprocess.Popen(
        [program, *arguments, model], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        try:
            urllib.request.urlopen(ADDRESS + "/health")
            return server
        except OSError:
            if server.poll() is not None:
                sys.exit(f"`{program}` ended")
            time.sleep(0.3)


def right_and_wrong(said, rest):
    same = len(os.path.commonprefix([said, rest]))
    return [same, len(said) - same]


def main():
    chosen = places(int(sys.argv[3]) if len(sys.argv) > 3 else 140)
    server = start(sys.argv[1], sys.argv[2])
    print(f"{len(chosen)} places, means")
    print("before  after  tokens  right  wrong  shown right  shown wrong")
    try:
        for window in WINDOWS:
            sums = [0] * 5
            for path, before, after, rest in chosen:
                answer = ask(prompt(path, before, after, window))
                counts = [answer["timings"]["prompt_n"]]
                counts += right_and_wrong(answer["content"], rest) + right_and_wrong(sure(answer), rest)
                sums = [total + count for total, count in zip(sums, counts)]
            tokens, right, wrong, shown_right, shown_wrong = (total / len(chosen) for total in sums)
            means = f"{tokens:7.0f} {right:6.2f} {wrong:6.2f} {shown_right:12.2f} {shown_wrong:12.2f}"
            print(f"{window[0]:6} {window[1]:6} {means}", flush=True)
    finally:
        server.kill()


if __name__ == "__main__":
    main()
