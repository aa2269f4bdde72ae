"""Cuts the single lines of fim_python.jsonl at a random character, with a fixed seed: prints typed.tsv.

python3 tests/eval/cut_typed.py > tests/eval/typed.tsv
"""

import json
import pathlib
import random

LETTERS_MIN = 6

draw = random.Random(11)
print("# Case of fim_python.jsonl, and how many bytes of what is missing are typed already (cut_typed.py)")
for row in (pathlib.Path(__file__).parent / "fim_python.jsonl").read_text().splitlines():
    case = json.loads(row)
    line = case["reference"].rstrip("\n").lstrip(" \t")
    if case["kind"] == "singleline" and len(line) >= LETTERS_MIN:
        typed = line[: draw.randrange(1, len(line) - 1)]
        print(f"{case['id']}\t{len(typed.encode())}")
