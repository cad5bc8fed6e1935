"""The crawler with a real retriever: folders, pages and uploads become what a query finds."""

import json
import os
import shutil
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack import Stack, eventually

FACT = "The Drunken Clam opens at noon, and Quagmire sits in the second booth."


def pdf_of(text):
    """A PDF of one page that says `text`."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
               b" /Resources << /Font << /F1 5 0 R >> >> >>",
               b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table)


def page(title, body):
    return (f"<!doctype html><html><head><title>{title}</title></head><body>"
            f"<nav>Navigation words</nav>{body}<script>scripted()</script></body></html>").encode()


class Site:
    """A web site on a free port. `pages` maps a path to bytes, or to a function of the handler."""

    def __init__(self):
        self.pages, self.asked = {}, []
        self.released = threading.Event()  # what holds back a slow page
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append((self.path, dict(self.headers)))
                found = site.pages.get(self.path)
                if callable(found):
                    found(self)
                elif found is None:
                    self.answer(404, b"none")
                else:
                    self.answer(200, found)

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                headers = {"Content_Type": "text/html", **headers}
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # clients that hang up are part of the play

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def place(self):
        return f"127.0.0.1:{self.server.server_port}"

    def url(self, path="/"):
        return f"http://{self.place}{path}"

    def times_asked(self, path):
        return sum(asked == path for asked, _ in self.asked)

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class CrawlerStack(Stack):
    """Retriever and crawler; `knowledge` is the folder that may be read."""

    def knows(self):
        return self.is_ready("crawler") and self.is_ready("retriever")

    @property
    def knowledge(self):
        return self.data / "knowledge"


class Crawler(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.site, self.private = Site(), Site()
        self.addCleanup(self.site.close)
        self.addCleanup(self.private.close)
        self.stack = CrawlerStack({
            "watchdog": {"only": "retriever,crawler"},
            "crawler": {"allow_private": self.site.place, "pace_ms": 0, "retry_base_ms": 20,
                        "attempts": 3, "fetch_timeout_ms": 1500, "page_kib": 64}})
        self.addCleanup(self.stack.destroy)
        self.addCleanup(self.tell)
        self.stack.start()

    def tell(self):
        outcome = self._outcome.result
        if outcome and any(test is self for test, _ in outcome.failures + outcome.errors):
            print(self.stack.logs())

    def write(self, name, content):
        path = self.stack.knowledge / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def add(self, source, **more):
        reply = self.stack.post("crawler", "/jobs", {"source": str(source), **more})
        self.assertEqual(reply.status, 200, reply)
        return reply.json["job_id"]

    def job(self, job_id):
        reply = self.stack.get("crawler", f"/jobs/{job_id}")
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def ended(self, job_id):
        def over():
            job = self.job(job_id)
            return job if job["state"] in ("done", "failed", "cancelled") else None
        return eventually(over, 30, f"job {job_id} ends: {self.job(job_id)}")

    def crawled(self, source, **more):
        return self.ended(self.add(source, **more))

    def hits(self, query, **more):
        return self.stack.post("retriever", "/rag/query", {"query": query, **more}).json["hits"]

    def saying(self, words):
        """The hits in which one of the words stands: a query may find more by other ways."""
        return [hit for hit in self.hits(words)
                if any(word in hit["text"].lower() for word in words.split())]

    def reasons(self, job, which="skipped"):
        return {note["source"]: note["reason"] for note in job[which]}

    # --- folders --------------------------------------------------------------------------------

    def test_a_folder_becomes_what_a_query_finds(self):
        self.write("clam.md", f"# The Clam\n\n{FACT}\n")
        self.write("deep/latin.txt", "Caf\xe9 Griffin serves coffee.".encode("latin-1"))
        self.write("page.html", page("Airport", "<main><h1>Lost</h1><p>Luggage vanishes.</p></main>"))
        self.write("paper.pdf", pdf_of("The monorail was sold in Springfield"))
        job = self.crawled(".", collection="town", metadata={"topic": "places"})
        self.assertEqual((job["state"], job["counts"]["documents"]), ("done", 4), job)
        hit = self.hits("When does the Clam open?", collections=["town"])[0]
        self.assertIn("opens at noon", hit["text"])
        self.assertEqual((hit["title"].split(" > ")[0], hit["metadata"]["topic"]),
                         ("The Clam", "places"))
        self.assertEqual(hit["uri"], f"file://{self.stack.knowledge.resolve()}/clam.md")
        self.assertIn("Café Griffin", self.hits("coffee")[0]["text"])
        self.assertIn("monorail", self.hits("monorail")[0]["text"])
        self.assertIn("Luggage", self.hits("luggage")[0]["text"])
        self.assertEqual(self.saying("navigation scripted"), [])

    def test_a_second_run_updates_deletes_and_leaves_the_rest(self):
        for name in ("stays", "changes", "goes"):
            self.write(f"{name}.md", f"The {name} word is zebra{name}.")
        self.crawled(".")
        self.write("changes.md", "It is now about giraffes.")
        (self.stack.knowledge / "goes.md").unlink()
        job = self.crawled(".")
        self.assertEqual((job["counts"]["unchanged"], job["counts"]["deleted"]), (1, 1), job)
        self.assertEqual(self.saying("zebragoes"), [])
        self.assertEqual(self.saying("zebrachanges"), [])
        self.assertTrue(self.saying("giraffes"))
        self.assertTrue(self.saying("zebrastays"))
        listed = self.stack.get("retriever", "/documents").json["documents"]
        self.assertEqual(len(listed), 2)

    def test_secrets_and_what_lies_outside_are_left_out_and_said(self):
        outside = self.stack.folder / "outside"
        outside.mkdir()
        (outside / "private.md").write_text("the private word is xylophone")
        self.write("good.md", "The good word is harpsichord.")
        self.write("id_rsa", "key")
        self.write("server.pem", "key")
        self.write(".env", "WORD=xylophone")
        self.write("notes.md", "the word xylophone and AKIAABCDEFGHIJKLMNOP")
        os.symlink(outside, self.stack.knowledge / "link")
        os.symlink(outside / "private.md", self.stack.knowledge / "link.md")
        self.write("picture.docx", "PK")
        job = self.crawled(".")
        reasons = {path.rsplit("/", 1)[1]: reason for path, reason in self.reasons(job).items()}
        self.assertEqual(reasons, {
            ".env": "may hold credentials", "id_rsa": "may hold credentials", "server.pem": "may hold credentials",
            "notes.md": "contains an AWS access key", "link": "is a symbolic link",
            "link.md": "is a symbolic link", "picture.docx": "files of this kind are not read"})
        self.assertEqual(self.saying("xylophone"), [])
        self.assertTrue(self.saying("harpsichord"))
        for source in (str(outside), "../../outside", "link/private.md", "/etc/passwd"):
            reply = self.stack.post("crawler", "/jobs", {"source": source})
            self.assertEqual(reply.status, 400, reply)
            self.assertIn("TROUPE_CRAWLER_ROOTS", reply.json["error"]["message"])
        # What was indexed goes when a secret comes into it.
        self.write("good.md", "harpsichord -----BEGIN RSA PRIVATE KEY-----")
        self.crawled(".")
        self.assertEqual(self.saying("harpsichord"), [])

    def test_a_killed_crawler_goes_on_where_it_was(self):
        for number in range(60):
            self.write(f"{number:02}.html", page(f"Page {number}", f"<p>numberword{number}</p>"))
        job_id = self.add(".")
        for _ in range(3):
            eventually(lambda: self.job(job_id)["counts"]["fetched"] > 0, 20, "it has begun")
            pid = self.stack.kill("crawler")
            self.stack.replaced("crawler", pid)
        job = self.ended(job_id)
        self.assertEqual((job["state"], job["counts"]["documents"]), ("done", 60), job)
        listed = self.stack.get("retriever", "/documents").json["documents"]
        self.assertEqual(len(listed), 60)
        self.assertEqual(len({document["id"] for document in listed}), 60)

    def test_a_job_waits_for_a_retriever_that_is_away(self):
        self.write("late.md", "The late word is bassoon.")
        pid = self.stack.kill("retriever")
        job_id = self.add(".")
        self.stack.replaced("retriever", pid)
        self.assertEqual(self.ended(job_id)["state"], "done")
        self.assertTrue(self.saying("bassoon"))

    # --- the web --------------------------------------------------------------------------------

    def test_a_site_is_followed_as_deep_as_was_asked(self):
        self.site.pages = {
            "/": page("Home", '<p>Home says oboe.</p><a href="a.html">a</a><a href="/b/">b</a>'
                              '<a href="http://other.invalid/">other</a><a href="mailto:x@y">m</a>'
                              '<a href="/closed/x">closed</a><a href="/a.html#part">again</a>'),
            "/a.html": page("A", '<p>Page A says clarinet.</p><a href="/deep.html">deep</a>'),
            "/b/": page("B", "<p>Page B says cornet.</p>"),
            "/deep.html": page("Deep", "<p>Deep says tuba.</p>"),
            "/closed/x": page("Closed", "<p>Closed says piccolo.</p>"),
            "/robots.txt": b"User-agent: *\nDisallow: /closed/\n"}
        job = self.crawled(self.site.url(), depth=1)
        self.assertEqual((job["counts"]["found"], job["counts"]["documents"]), (4, 3), job)
        self.assertEqual(list(self.reasons(job).values()),
                         [f"{self.site.url('/closed/x')}: robots.txt says no"])
        self.assertEqual(self.site.times_asked("/closed/x"), 0)
        self.assertEqual(self.site.times_asked("/robots.txt"), 1)
        self.assertEqual(self.hits("clarinet")[0]["uri"], self.site.url("/a.html"))
        self.assertEqual(self.saying("tuba piccolo"), [])
        self.assertEqual({headers["User-Agent"].split("/")[0] for _, headers in self.site.asked},
                         {"TroupeBot"})

    def test_a_page_that_has_not_changed_is_not_fetched_again_and_a_gone_one_goes(self):
        def tagged(handler):
            if handler.headers["If-None-Match"] == '"v1"':
                handler.answer(304)
            else:
                handler.answer(200, page("Tag", "<p>Tagged bagpipe.</p>"), ETag='"v1"')
        self.site.pages["/tag"] = tagged
        self.crawled(self.site.url("/tag"))
        job = self.crawled(self.site.url("/tag"))
        self.assertEqual((job["counts"]["unchanged"], job["counts"]["chunks"]), (1, 0), job)
        self.assertEqual(self.crawled(self.site.url("/tag"), refresh=True)["counts"]["unchanged"], 0)
        self.site.pages["/tag"] = page("Tag", "<p>Tagged kazoo.</p>")
        self.crawled(self.site.url("/tag"))
        self.assertEqual(self.saying("bagpipe"), [])
        self.assertTrue(self.saying("kazoo"))
        del self.site.pages["/tag"]
        job = self.crawled(self.site.url("/tag"))
        self.assertEqual((job["counts"]["deleted"], list(self.reasons(job).values())),
                         (1, ["HTTP status 404"]))
        self.assertEqual(self.saying("kazoo"), [])

    def test_nothing_private_is_reached_by_any_way(self):
        self.private.pages = {"/": page("Private", "<p>sousaphone</p>")}
        port = self.private.server.server_port
        for source in (self.private.url(), f"http://localhost:{port}/", "http://127.0.0.1/",
                       "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/",
                       "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
                       "http://169.254.169.254/latest/meta-data/", "http://[fe80::1%25lo]/",
                       "http://user:pass@example.org/", "ftp://example.org/x", "file:///etc/passwd",
                       "http://10.0.0.1/", "http://example.org:22/"):
            reply = self.stack.post("crawler", "/jobs", {"source": source})
            self.assertIn(reply.status, (400, 403), (source, reply))
        # A name is known only when it is resolved, a redirect only when it comes.
        job = self.crawled("http://localhost/")
        self.assertIn("no address that may be connected to", list(self.reasons(job).values())[0])
        for number, target in enumerate((self.private.url(), "http://127.0.0.1/",
                                         "http://localhost/", "file:///etc/passwd")):
            self.site.pages[f"/{number}"] = lambda handler, target=target: handler.answer(
                302, Location=target)
            job = self.crawled(self.site.url(f"/{number}"))
            self.assertEqual((job["counts"]["documents"], job["counts"]["skipped"]), (0, 1), job)
        self.assertEqual(self.private.asked, [])

    def test_redirects_are_followed_but_not_for_ever(self):
        self.site.pages = {
            "/old": lambda handler: handler.answer(301, Location="/new?x=1"),
            "/new?x=1": page("New", "<p>A new euphonium.</p>"),
            "/loop": lambda handler: handler.answer(302, Location="/loop")}
        self.crawled(self.site.url("/old"))
        self.assertEqual(self.hits("euphonium")[0]["uri"], self.site.url("/new?x=1"))
        job = self.crawled(self.site.url("/loop"))
        self.assertIn("leads on more than 5 times", list(self.reasons(job).values())[0])

    def test_bad_pages_cost_only_themselves(self):
        def slow(handler):
            self.site.released.wait(20)

        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            while not self.site.released.is_set():
                handler.wfile.write(b"x" * 65536)
        self.site.pages = {
            "/slow": slow, "/endless": endless,
            "/broken.pdf": lambda handler: handler.answer(
                200, pdf_of("x")[:200], Content_Type="application/pdf"),
            "/picture": lambda handler: handler.answer(200, b"\x89PNG", Content_Type="image/png"),
            "/zipped": lambda handler: handler.answer(200, b"x", Content_Encoding="gzip"),
            "/deep": b"<div>" * 12_000, "/empty": b"",
            "/noindex": page("No", '<meta name="robots" content="noindex"><p>theremin</p>'),
            "/fails": lambda handler: handler.answer(500)}
        links = "".join(f'<a href="{path}">x</a>' for path in self.site.pages)
        self.site.pages["/"] = page("Root", f"<p>All the bad pages.</p>{links}")
        job_id = self.add(self.site.url(), depth=1)
        job = self.ended(job_id)
        self.assertEqual((job["state"], job["counts"]["documents"]), ("failed", 1), job)
        failed = {source.rsplit("/", 1)[1]: reason
                  for source, reason in self.reasons(job, "failed").items()}
        self.assertEqual(set(failed), {"slow", "fails"})
        self.assertIn("total time-out", failed["slow"])
        self.assertEqual(failed["fails"], "HTTP status 500")
        self.assertEqual(self.site.times_asked("/fails"), 3)
        said = {source.rsplit("/", 1)[1]: reason for source, reason in self.reasons(job).items()}
        self.assertEqual(set(said), {"endless", "broken.pdf", "picture", "zipped", "deep", "empty",
                                     "noindex"})
        self.assertIn("exceeds 65536 bytes", said["endless"])
        self.assertIn("PDF", said["broken.pdf"])
        self.assertEqual(said["picture"], "content of type image/png is not read")
        # What was given up is taken up again, and then ends well.
        self.site.pages["/fails"] = page("Mended", "<p>A mended glockenspiel.</p>")
        self.site.pages["/slow"] = page("Quick", "<p>Quick enough.</p>")
        self.assertEqual(self.stack.post("crawler", f"/jobs/{job_id}/retry", b"").status, 200)
        self.assertEqual(self.ended(job_id)["state"], "done")
        self.assertTrue(self.saying("glockenspiel"))

    def test_a_cancelled_job_does_no_more(self):
        reached = threading.Event()

        def held(handler):
            reached.set()
            self.site.released.wait(20)
            handler.answer(200, page("Late", "<p>Too late a marimba.</p>"))
        self.site.pages["/held"] = held
        job_id = self.add(self.site.url("/held"))
        self.assertTrue(reached.wait(20))
        cancelled = self.stack.request("crawler", "DELETE", f"/jobs/{job_id}")
        self.assertEqual((cancelled.status, cancelled.json["state"]), (200, "cancelled"))
        self.site.released.set()
        self.write("after.md", "After the marimba.")
        self.crawled("after.md")
        self.assertEqual(self.job(job_id)["state"], "cancelled")
        self.assertEqual(len(self.saying("marimba")), 1)

    def test_a_site_without_a_robots_txt_that_answers_is_left_alone(self):
        self.site.pages = {"/robots.txt": lambda handler: handler.answer(503),
                           "/": page("Home", "<p>vibraphone</p>")}
        job = self.crawled(self.site.url())
        self.assertEqual(job["state"], "failed")
        self.assertIn("robots.txt cannot be had", list(self.reasons(job, "failed").values())[0])
        self.assertEqual(self.site.times_asked("/"), 0)

    # --- uploads and doors ----------------------------------------------------------------------

    def upload(self, path, body, kind="application/octet-stream"):
        return self.stack.request("crawler", "POST", path, body, {"Content-Type": kind})

    def test_an_upload_is_found_at_once(self):
        reply = self.upload("/upload?name=menu.pdf&collection=bar", pdf_of("A pint costs two coins"))
        self.assertEqual((reply.status, reply.json["documents"], reply.json["unchanged"]),
                         (200, 1, False), reply)
        self.assertEqual(self.hits("pint", collections=["bar"])[0]["document_id"],
                         reply.json["id"])
        form = ("--edge\r\nContent-Disposition: form-data; name=\"collection\"\r\n\r\nbar\r\n"
                "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n"
                "Content-Type: text/markdown\r\n\r\n# Rules\n\nNo dancing on the table.\r\n"
                "--edge--\r\n").encode()
        reply = self.upload("/upload", form, "multipart/form-data; boundary=edge")
        self.assertEqual((reply.status, reply.json["title"]), (200, "Rules"), reply)
        self.assertIn("dancing", self.hits("dancing", collections=["bar"])[0]["text"])
        again = self.upload("/upload", form, "multipart/form-data; boundary=edge")
        self.assertEqual((again.json["unchanged"], again.json["id"]), (True, reply.json["id"]))
        big = self.upload("/upload?name=big.txt", b"The contrabass plays on. " * 160_000)
        self.assertEqual((big.status, big.json["documents"]), (200, 8), big)

    def test_bad_uploads_are_refused_in_words(self):
        for path, body, kind, status, words in (
                ("/upload", b"text", "text/plain", 400, "name: is required"),
                ("/upload?name=a.md", b"", "text/plain", 400, "empty"),
                ("/upload?name=a.exe", b"MZ", "text/plain", 400, ".md .txt"),
                ("/upload?name=a.txt", b"a\0b", "text/plain", 400, "binary"),
                ("/upload?name=id_rsa", b"x", "text/plain", 403, "credentials"),
                ("/upload?name=a.md", b"ghp_" + b"a" * 36, "text/plain", 403, "a GitHub token"),
                ("/upload?name=a.pdf", b"%PDF-1.4 no", "text/plain", 400, "PDF is broken"),
                ("/upload?name=a.md", b"x" * (17 << 20), "text/plain", 413, ""),
                ("/upload?name=a.md", b"hello", "multipart/form-data; boundary=e", 400, "broken"),
                ("/upload?name=a.md", b"--e\r\n\r\nx", "multipart/form-data; boundary=e", 400,
                 "cut off"),
                ("/upload?name=a.md&collection=" + "c" * 65, b"x", "text/plain", 400,
                 "collection")):
            reply = self.upload(path, body, kind)
            self.assertEqual(reply.status, status, (path, reply))
            self.assertIn(words, reply.json["error"]["message"])

    def test_jobs_are_listed_measured_and_asked_for_by_name(self):
        self.write("one.md", "One.")
        ids = [self.ended(self.add("."))["job_id"] for _ in range(3)]
        listed = self.stack.get("crawler", "/jobs?state=done&limit=2").json["jobs"]
        self.assertEqual([job["job_id"] for job in listed], ids[:0:-1])
        self.assertEqual(self.stack.get("crawler", "/jobs?state=failed").json["jobs"], [])
        for method, path in (("GET", "/jobs/none"), ("DELETE", "/jobs/none"),
                             ("POST", "/jobs/none/retry")):
            reply = self.stack.request("crawler", method, path, b"" if method == "POST" else None)
            self.assertEqual((reply.status, reply.json["error"]["code"]), (404, "not_found"))
        reply = self.stack.post("crawler", "/jobs", {"source": "nothing.md"})
        self.assertEqual(reply.status, 404, reply)
        reply = self.stack.post("crawler", "/jobs", {"source": "one.md", "kind": "folder"})
        self.assertEqual(reply.status, 400, reply)
        metrics = self.stack.get("crawler", "/metrics").body.decode()
        self.assertIn("rag_ingestion_lag_seconds 0", metrics)
        self.assertIn('troupe_crawler_pieces_total{outcome="given"} 1', metrics)
        self.assertIn("rag_chunks_indexed_total 1",
                      self.stack.get("retriever", "/metrics").body.decode())


if __name__ == "__main__":
    unittest.main()
