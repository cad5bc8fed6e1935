#!/usr/bin/env python3
"""Fits the weights of services/quality/relevance.cpp to labelled lines.

    bench/fit_relevance.py BENCH_QUALITY FILE...   (the tuning lines of bench/data)

The shipped lines of the cards, each after a line that calls for it, count as good ones.
A logistic regression by coordinate descent, with a penalty on squares; no weight may have the sign
that its tie cannot have: an echo never speaks for a line off topic, a line adrift never against it.
The same files give the same weights. Prints the table to paste.
"""
import json
import math
import re
import subprocess
import sys
import tempfile

PENALTY = 0.5
ROUNDS = 200
CARDS = "services/characters/cast"
SOURCE = "services/quality/relevance.cpp"
# Ties that can only make a line more likely to be off topic. All others, less.
LOOSE = {
    "untied", "untied_question", "untied_statement", "recital", "unasked_recital",
    "better_passage", "adrift", "adrift_question", "adrift_long", "length", "fresh", "hobby",
    "self", "expounds", "broaches", "misses_number", "misses_advice",
}


# What somebody says before a shipped line of that situation.
CALLS = {
    "greeting": "hello everybody", "farewell": "ok I have to go now, bye", "how_are_you": "how are you today?",
    "who_are_you": "who are you?", "told": "I went to the zoo with my cousin yesterday",
    "opinion": "what do you think about pizza?", "unknown": "what is the capital of Australia?",
    "insult": "you are stupid", "compliment": "you are the best, I love you",
    "join": "I ate a great pizza today", "dodge": "what is the square root of 9801?",
    "thanks": "thanks a lot!", "sad": "I had a terrible day and I feel sad",
}


def shipped_lines():
    for who in ("peter", "brian", "stewie"):
        with open(f"{CARDS}/{who}.json", encoding="utf-8") as file:
            card = json.load(file)
        for situation, lines in card["data"]["extensions"]["troupe"]["lines"].items():
            call = CALLS.get(situation)
            if situation.startswith("about "):
                call = f"what do you think about {situation[6:]}?"
            for i, line in enumerate(lines):
                if call and "{" not in line:
                    yield {"id": f"{who} {situation} {i}", "character": who, "kind": "direct",
                           "codes": [], "voice": who, "line": line, "knowledge": [],
                           "context": [{"author": "visitor", "text": call}]}


def measured(bench, file):
    out = subprocess.run([bench, "--data", file, "--ties"], check=True, capture_output=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def fit(rows, names):
    weights = [0.0] * len(names)
    odds = [0.0] * len(rows)
    columns = [[(i, row["ties"][j]) for i, row in enumerate(rows) if row["ties"][j]]
               for j in range(len(names))]
    for _ in range(ROUNDS):
        largest = 0.0
        for j, name in enumerate(names):
            penalty = PENALTY if j else PENALTY / 50
            slope, curve = -penalty * weights[j], penalty
            for i, value in columns[j]:
                p = 1 / (1 + math.exp(-odds[i]))
                slope += (rows[i]["off_topic"] - p) * value
                curve += p * (1 - p) * value * value
            weight = weights[j] + max(-1.0, min(1.0, slope / curve))
            if j:
                weight = max(0.0, weight) if name in LOOSE else min(0.0, weight)
            step, weights[j] = weight - weights[j], weight
            for i, value in columns[j]:
                odds[i] += step * value
            largest = max(largest, abs(step))
        if largest < 1e-4:
            break
    return weights


def main():
    bench, files = sys.argv[1], sys.argv[2:]
    with open(SOURCE, encoding="utf-8") as source:
        names = re.findall(r'^    +\{"(\w+)", ', source.read(), re.M)
    rows = []
    for file in files:
        rows += measured(bench, file)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as cards:
        cards.writelines(json.dumps(line) + "\n" for line in shipped_lines())
        cards.flush()
        rows += measured(bench, cards.name)
    for name, weight in zip(names, fit(rows, names)):
        print(f'    {{"{name}", {weight:.2f}}},')


if __name__ == "__main__":
    main()
