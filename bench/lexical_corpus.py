#!/usr/bin/env python3
"""Debian's documentation as a search corpus, and questions with the chunk that each should find.

usage: lexical_corpus.py docs OUT            writes OUT/docs.jsonl: {id, title, text}, chunks of
                                             some 2 KB that begin at headings or paragraphs
       lexical_corpus.py items OUT > FILE    known items by the documents' own headings: titles,
                                             names and options, titles with one typing error
       lexical_corpus.py join OUT FILE...    writes OUT/queries.jsonl: {id, text, kind} and
                                             OUT/qrels.tsv (query, tab, chunk) of those of the
                                             items whose chunks are in docs.jsonl

The packages it reads, all in Debian 12's main, are the table below; it installs nothing and names
those that are missing. Manual pages are left out, as is a second form of the same document. An id
is package/file#heading~part: the same wherever the same version of the package is installed. The
items in bench/data/lexical_queries_*.jsonl are {id, kind, text, chunks}; those of the kind
"paraphrase" were written by hand from the pages, the others are what `items` gave. Even numbers are
for tuning, odd ones are held out.
"""

import gzip
import hashlib
import json
import random
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

# Package -> the files read of it (a pattern of its list of files) and those left out.
PACKAGES = {
    "apache2-doc": (r"/manual/en/.*\.html$", r"/programs/|/mod/(quickreference|directives|index)"),
    "autoconf-doc": (r"/info/autoconf\.info", None),
    "bash-doc": (r"/info/bash\.info", None),
    "bind9-doc": (r"/arm/.*\.html$", r"manpages|notes|/(genindex|search|changelog)"),
    "cmake-doc": (r"/html/(command|guide|module)/.*\.html$", r"_sources"),
    "coreutils": (r"/info/coreutils\.info", None),
    "debian-faq": (r"/FAQ/.*\.en\.html$", None),
    "debian-handbook": (r"/html/en-US/.*\.html$", r"/(ix01|index)\.html"),
    "debian-kernel-handbook": (r"kernel-handbook\.html/.*\.html$", None),
    "debian-policy": (r"/policy\.html/.*\.html$", r"_sources|genindex|search"),
    "debian-reference-en": (r"debian-reference/.*\.html$", None),
    "debmake-doc": (r"/debmake-doc/html/.*\.en\.html$", None),
    "developers-reference": (r"/developers-reference/[^/]*\.html$", r"genindex|search"),
    "exim4-doc-html": (r"/spec_html/ch.*\.html$", r"_index\.html|ch6[234]\.html"),
    "findutils": (r"/info/find\.info", None),
    "git-doc": (r"/git-doc/.*\.html$",
                r"/git-doc/(git[^/]*|RelNotes.*|docbook.*)\.html$|RelNotes/"),
    "gnupg": (r"/info/gnupg\.info", None),
    "harden-doc": (r"/html/en-US/.*\.html$", None),
    "maint-guide": (r"/html/.*\.en\.html$", None),
    "nodejs-doc": (r"/api/.*\.html$", r"/api/(all|index)\.html$"),
    "postfix-doc": (r"/html/[A-Z_0-9]+\.html$", r"POSTSCREEN_3_5"),
    "postgresql-doc-15": (r"/html/.*\.html$",
                          r"/html/(app-|sql-|release|bookindex|pg\w+\.html|reference|biblio"
                          r"|features-)"),
    "python3.11-doc": (r"/html/.*\.html$",
                       r"_sources|_static|genindex|/(search|contents|copyright|license|bugs)\.html"
                       r"|whatsnew/|/distutils/|py-modindex|glossary"),
    "sqlite3-doc": (r"/sqlite3/(session/)?[^/]*\.html$",
                    r"/(keyword_index|doclist|toc_db|sitemap|changes|chronology|hlr\w*"
                    r"|\w*crossref|requirements)"),
    "valgrind": (r"/valgrind/html/.*\.html$", r"dist\.|license"),
    "wget": (r"/info/wget\.info", None),
    "xapian-doc": (r"/xapian-doc/[^/]*\.html$", None),
}
CHUNK_BYTES = 2000     # aimed at
CHUNK_BYTES_MIN = 700  # a heading starts a new chunk after so many
HEADING_BYTES_MAX = 120
ITEMS_OF_A_KIND = 180
SEED = 7
NAME = re.compile(r"(?<![\w-])--[a-z][a-z-]+|\b[A-Za-z_]\w*(?:[_.:]+\w+)+|\b[a-z]+[A-Z]\w+")

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
DROPPED = {"script", "style", "nav", "header", "footer", "form", "title", "svg", "select"}
NAVIGATION = re.compile(r"\b(nav\w*|toc|related|\w*sidebar\w*|footer|breadcrumbs|header|page-head"
                        r"|menu|quickview|top|bottomlang|path|up|fancy_toc|footnotes|docnav"
                        r"|copyright|alt-docs)\b")
BLOCKS = {"p", "pre", "li", "dt", "dd", "tr", "div", "blockquote", "section", "table", "ul", "ol",
          "dl", "article", "body"}


class Page(HTMLParser):
    """The blocks of an HTML page: (kind, text), where kind is h1 to h6, dt or p."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.blocks, self.title = [], ""
        self._open, self._skipped = [], 0  # tags; depth of the first one that is left out
        self._kind, self._words, self._pre, self._in_title = "p", [], 0, False
        self.feed(text)
        self._flush()

    def _flush(self):
        text = "".join(self._words)
        text = text if self._pre else " ".join(text.split())
        text = text.replace("¶", "").strip()
        if text:
            self.blocks.append((self._kind, text))
        self._words = []

    def handle_starttag(self, tag, attributes):
        self._in_title = tag == "title"
        if tag in VOID:
            self._words.append("\n" if tag == "br" else " ")
            return
        self._open.append(tag)
        if self._skipped:
            return
        names = " ".join(v or "" for k, v in attributes if k in ("class", "id", "role"))
        navigation = tag in ("div", "ul", "table", "p", "dl") and NAVIGATION.search(names)
        if tag in DROPPED or navigation:
            self._skipped = len(self._open)
        elif tag in BLOCKS or re.fullmatch("h[1-6]", tag):
            self._flush()
            self._kind = tag if tag == "dt" or tag[0] == "h" else "p"
            self._pre += tag == "pre"
        elif tag == "td":
            self._words.append(" ")

    def handle_endtag(self, tag):
        self._in_title = False
        if tag in VOID or tag not in self._open:
            return
        while self._open:
            last = self._open.pop()
            if not self._skipped and (last in BLOCKS or re.fullmatch("h[1-6]", last)):
                self._flush()
                self._kind = "p"
                self._pre -= last == "pre"
            if self._skipped > len(self._open):
                self._skipped = 0
            if last == tag:
                break

    def handle_data(self, data):
        if self._in_title:
            self.title += " ".join(data.split())
        elif not self._skipped:
            self._words.append(data)


def html_pages(path, name):
    page = Page(path.read_text(encoding="utf-8", errors="replace"))
    first = next((text for kind, text in page.blocks if kind in ("h1", "h2")), "")
    title = re.split(r" — | &#8212; ", page.title)[0].strip() or first
    yield name, title, page.blocks


def info_pages(path, name):
    """A node of an info file is a page; underlined lines are headings."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    for node in text.split("\x1f")[1:]:
        head, _, body = node.lstrip("\n").partition("\n")
        match = re.search(r"Node: ([^,]+)", head)
        if not match or re.search(r"index|license|copying", match[1], re.I):
            continue
        blocks = []
        body = re.sub(r"^\* Menu:.*?(?=\n\n\S|\Z)", "", body, flags=re.S | re.M)
        for part in re.split(r"\n\s*\n", body):
            lines = [line.rstrip() for line in part.strip("\n").split("\n")]
            if len(lines) > 1 and re.fullmatch(r"([*=.-])\1{2,}", lines[1]):
                level = "*=-.".index(lines[1][0]) + 1
                blocks.append((f"h{level}", re.sub(r"^[\dA-Z.]+\s+(?=\S)", "", lines[0])))
                lines = lines[2:]
            if lines and re.match(r"'[^']+'(?: |$)|-- ", lines[0]):
                blocks.append(("dt", lines[0].strip()))
                lines = lines[1:]
            if any(line.strip() for line in lines):
                blocks.append(("p", "\n".join(lines).strip()))
        stem = path.name.split(".info")[0]
        yield f"{name}:{match[1].strip()}", f"{stem}: {match[1].strip()}", blocks


def pages():
    """(id, title, blocks) of every page of the packages, in order."""
    missing = []
    for package, (wanted, left_out) in PACKAGES.items():
        listed = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True,
                                check=False)
        files = {Path(f).resolve() for f in listed.stdout.split("\n") if re.search(wanted, f)}
        files = sorted(f for f in files if f.is_file()
                       and not (left_out and re.search(left_out, f.as_posix())))
        if not files:
            missing.append(package)
        for path in files:
            if path.suffix == ".gz" and ".info" in path.name:
                yield from info_pages(path, f"{package}/{path.name.split('.info')[0]}")
            else:
                file = re.sub(r"^/usr/share/(doc/)?[^/]+/(html/)?", "", path.as_posix())
                yield from html_pages(path, f"{package}/{file.removesuffix('.html')}")
    if missing:
        sys.exit("apt-get install --no-install-recommends " + " ".join(missing))


def heading_text(text):
    text = re.sub(r"^(Chapter|Appendix|Section)\s+", "", " ".join(text.split()))
    return re.sub(r"^([\dA-Z]+\.)*[\dA-Z]*\d*\.?\s+(?=\S)(?<!^\w)", "", text)[:HEADING_BYTES_MAX]


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "top"


def pieces(text):
    """A long block in parts at line ends or sentences."""
    while len(text.encode()) > CHUNK_BYTES:
        window = text[:CHUNK_BYTES]
        cut = max(window.rfind("\n"), window.rfind(". ") + 1)
        cut = cut if cut > CHUNK_BYTES // 2 else max(window.rfind(" "), CHUNK_BYTES // 2)
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text


def chunks_of(name, title, blocks):
    """{id, title, text, headings, names} of a page's chunks."""
    found, lines, size, heading = [], [], 0, ""
    headings, names, used = [], [], {}

    def close():
        nonlocal lines, size, headings, names
        body = "\n\n".join(lines)
        if len(body) >= 80:
            anchor = slug(headings[0] if headings else heading)
            used[anchor] = used.get(anchor, 0) + 1
            start = headings[0] if headings else heading
            whole = title if not start or start.lower() in title.lower() else f"{title} - {start}"
            found.append({"id": f"{name}#{anchor}~{used[anchor]}", "title": whole, "text": body,
                          "headings": headings, "names": names})
            lines, size, headings, names = [], 0, [], []

    for kind, text in blocks:
        if kind[0] == "h":
            if size >= CHUNK_BYTES_MIN:
                close()
            heading = heading_text(text)
            headings.append(heading)
        if kind == "dt":
            if size >= CHUNK_BYTES * 3 // 4:
                close()
            names.append(text)
        for piece in pieces(text):
            length = len(piece.encode())
            if size and size + length > CHUNK_BYTES * 5 // 4 and kind[0] != "h":
                close()
            lines.append(piece)
            size += length + 2
    close()
    return found


def read_documents():
    """Every chunk whose text and whose id did not come before."""
    seen = set()
    for name, title, blocks in pages():
        for chunk in chunks_of(name, title, blocks):
            marks = {chunk["id"], hashlib.sha256(chunk["text"].encode()).digest()}
            if seen.isdisjoint(marks):
                seen |= marks
                yield chunk


def write_docs(out):
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    with open(out / "docs.jsonl", "w", encoding="utf-8") as file, \
         open(out / "headings.jsonl", "w", encoding="utf-8") as parts:
        for chunk in read_documents():
            print(json.dumps({k: chunk[k] for k in ("id", "title", "text")}), file=file)
            print(json.dumps({k: chunk[k] for k in ("id", "headings", "names")}), file=parts)
            count += 1
    print(f"{count} chunks", file=sys.stderr)


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def typed_wrong(text, chance):
    """`text` with one error in a longer word: a letter lost, added, swapped or wrong."""
    words = text.split(" ")
    at = chance.choice([i for i, w in enumerate(words) if len(w) >= 5 and w.isalpha()])
    word = words[at]
    i = chance.randrange(1, len(word) - 1)
    letter = chance.choice("abcdefghijklmnopqrstuvwxyz")
    swapped = word[:i] + word[i + 1] + word[i] + word[i + 2:]
    words[at] = chance.choice([word[:i] + word[i + 1:], word[:i] + letter + word[i:],
                               word[:i] + letter + word[i + 1:],
                               swapped if swapped != word else word[:i] + word[i + 1:]])
    return " ".join(words)


def write_items(out):
    """Headings and names that stand in one place only; by a seed, no package over its share."""
    chance = random.Random(SEED)
    places, names = {}, {}
    for chunk in lines_of(out / "headings.jsonl"):
        for heading in chunk["headings"]:
            places.setdefault(heading.lower(), []).append(chunk["id"])
        for text in chunk["names"]:
            for name in NAME.findall(text)[:1]:
                names.setdefault(name, []).append(chunk["id"])
    titles = sorted((h, p[0]) for h, p in places.items() if len(p) == 1 and 2 <= len(h.split()) <= 8
                    and re.fullmatch(r"[a-z][a-z0-9 ,'/-]+", h)
                    and any(len(w) >= 5 and w.isalpha() for w in h.split()))
    options = sorted((n, p[0]) for n, p in names.items() if len(p) == 1 and 5 <= len(n) <= 40)
    for kind, source in (("title", titles), ("option", options), ("typo", titles)):
        taken, shares = [], {}
        for text, chunk in chance.sample(source, len(source)):
            package = chunk.split("/")[0]
            if shares.get(package, 0) >= ITEMS_OF_A_KIND // 9 or len(taken) == ITEMS_OF_A_KIND:
                continue
            shares[package] = shares.get(package, 0) + 1
            taken.append((text, chunk))
        if kind == "title":
            titles = sorted(set(titles) - set(taken))
        for number, (text, chunk) in enumerate(taken):
            text = typed_wrong(text, chance) if kind == "typo" else text
            print(json.dumps({"id": f"{kind}-{number:03}", "kind": kind, "text": text,
                              "chunks": [chunk]}))


def join(out, files):
    known = {chunk["id"] for chunk in lines_of(out / "docs.jsonl")}
    lost = 0
    with open(out / "queries.jsonl", "w", encoding="utf-8") as queries, \
         open(out / "qrels.tsv", "w", encoding="utf-8") as qrels:
        for item in (item for file in files for item in lines_of(file)):
            chunks = [chunk for chunk in item["chunks"] if chunk in known]
            lost += not chunks
            if chunks:
                print(json.dumps({k: item[k] for k in ("id", "text", "kind")}), file=queries)
                for chunk in chunks:
                    print(item["id"], chunk, sep="\t", file=qrels)
    print(f"{lost} items are of other versions of the packages", file=sys.stderr)


def main(arguments):
    if len(arguments) >= 2 and arguments[0] == "docs":
        write_docs(Path(arguments[1]))
    elif len(arguments) >= 2 and arguments[0] == "items":
        write_items(Path(arguments[1]))
    elif len(arguments) >= 3 and arguments[0] == "join":
        join(Path(arguments[1]), arguments[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
