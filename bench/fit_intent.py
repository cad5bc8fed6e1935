#!/usr/bin/env python3
"""Fits the weights of services/llm/intent.cpp to labelled prompts.

    bench/fit_intent.py BENCH_INTENT [--check] [FILE]   (default bench/data/intents_tuning.jsonl)

Writes services/llm/intent_weights.inc: a multinomial logistic regression with a penalty on squares,
by stochastic gradient descent with averaged weights. The program reads the features, so both see
the same ones; the same file gives the same weights. --check writes nothing and prints the macro F1
of five-fold cross-validation for several penalties.
"""
import json
import math
import random
import subprocess
import sys

INTENTS = ("quick", "chat", "quality", "code")
PENALTY = 3e-5   # chosen by --check
EPOCHS = 20
SHAPE = 0.25     # shapes against the hashed features, which have length 1 together
LEVELS = 31
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
HEADER = """\
// Written by bench/fit_intent.py from bench/data/intents_tuning.jsonl. For each intent in its order
// the weights of all buckets, then of all shapes; a letter is a weight from -32 to 31.
"""
TARGET = "services/llm/intent_weights.inc"


def rows_of(bench, file):
    """(label, [(column, value)]) of each prompt, and the counts of buckets and shapes."""
    out = subprocess.run([bench, "--data", file, "--features"], check=True, capture_output=True)
    rows = []
    buckets = shapes = 0
    for line in out.stdout.splitlines():
        row = json.loads(line)
        buckets, shapes = row["bucket_count"], len(row["shape"])
        value = 1 / math.sqrt(max(1, len(row["buckets"])))
        cells = [(bucket, value) for bucket in row["buckets"]]
        cells += [(buckets + i, v * SHAPE) for i, v in enumerate(row["shape"]) if v]
        rows.append((INTENTS.index(row["intent"]), cells))
    return rows, buckets, shapes


def odds_of(weights, cells):
    return [sum(row[j] * v for j, v in cells) for row in weights]


def shares(odds):
    top = max(odds)
    powers = [math.exp(o - top) for o in odds]
    return [p / sum(powers) for p in powers]


def fit(rows, columns, penalty, epochs=EPOCHS):
    """Weights by SGD; `scale` stands before them all, so that the penalty costs one product."""
    chance = random.Random(1)
    weights = [[0.0] * columns for _ in INTENTS]
    sums = [[0.0] * columns for _ in INTENTS]
    scale, steps, order = 1.0, 0, list(range(len(rows)))
    for epoch in range(epochs):
        chance.shuffle(order)
        for i in order:
            label, cells = rows[i]
            rate = 2.0 / (1 + 2.0 * penalty * steps)
            steps += 1
            guessed = shares([o * scale for o in odds_of(weights, cells)])
            scale *= 1 - rate * penalty
            for c, row in enumerate(weights):
                pull = rate * ((c == label) - guessed[c]) / scale
                if abs(pull) * scale > 1e-4:
                    for j, v in cells:
                        row[j] += pull * v
        if epoch >= epochs // 2:
            for row, into in zip(weights, sums):
                for j, w in enumerate(row):
                    into[j] += w * scale / (epochs - epochs // 2)
    return sums


def macro_f1(pairs):
    total = 0.0
    for c in range(len(INTENTS)):
        hits = sum(1 for a, b in pairs if a == b == c)
        both = sum((a == c) + (b == c) for a, b in pairs)
        total += 2 * hits / max(1, both)
    return total / len(INTENTS)


def guesses(weights, rows):
    out = []
    for label, cells in rows:
        odds = odds_of(weights, cells)
        out.append((label, odds.index(max(odds))))
    return out


def cross_validate(rows, columns, penalty):
    pairs = []
    for fold in range(5):
        learn = [row for i, row in enumerate(rows) if i % 5 != fold]
        pairs += guesses(fit(learn, columns, penalty), rows[fold::5])
    return macro_f1(pairs)


def quantised(weights, first, last):
    largest = max(abs(w) for row in weights for w in row[first:last])
    steps = [[round(w / largest * LEVELS) for w in row[first:last]] for row in weights]
    return largest / LEVELS, steps


def write(weights, buckets, shapes):
    # The few largest hashed weights are cut, so that the many small ones keep more than a step.
    sizes = sorted(abs(w) for row in weights for w in row[:buckets] if w)
    most = sizes[int(len(sizes) * 0.998)]
    cut = [[max(-most, min(most, w)) for w in row[:buckets]] + row[buckets:] for row in weights]
    bucket_scale, near = quantised(cut, 0, buckets)
    shape_scale, far = quantised(cut, buckets, buckets + shapes)
    text = "".join(ALPHABET[w + 32] for a, b in zip(near, far) for w in a + b)
    with open(TARGET, "w", encoding="ascii") as out:
        out.write(HEADER)
        out.write(f"constexpr double kBucketScale = {bucket_scale:.6g};\n")
        out.write(f"constexpr double kShapeScale = {shape_scale * SHAPE:.6g};\n")
        out.write("constexpr std::string_view kWeights =\n")
        lines = [text[i:i + 94] for i in range(0, len(text), 94)]
        out.write("\n".join(f'    "{line}"' for line in lines) + ";\n")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    file = arguments[1] if len(arguments) > 1 else "bench/data/intents_tuning.jsonl"
    rows, buckets, shapes = rows_of(arguments[0], file)
    columns = buckets + shapes
    if "--check" in sys.argv:
        for penalty in (1e-5, 3e-5, 1e-4):
            score = cross_validate(rows, columns, penalty)
            print(f"penalty {penalty:g}: macro F1 {score:.4f}", flush=True)
        return
    write(fit(rows, columns, PENALTY), buckets, shapes)


if __name__ == "__main__":
    main()
