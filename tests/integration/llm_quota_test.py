"""API keys and their limits at the doors of the model proxy, shared by two through a real Redis."""

import concurrent.futures
import hashlib
import json
import signal
import unittest

from redis_test import Redis
from stack import Stack, eventually

SECRETS = {name: f"sk-{name}-of-a-test" for name in ("alice", "busy", "day", "few", "member")}


def key(name, **limits):
    digest = hashlib.sha256(SECRETS[name].encode()).hexdigest()
    return {"name": name, "sha256": digest, **limits}


KEYS = [key("alice", models=["understudy"]), key("busy", requests_per_hour=20),
        key("day", tokens_per_day=2000), key("few", requests_per_minute=1),
        key("member", addresses=["10.0.0.0/8"])]


class Proxy(Stack):
    """One llm process, without the rest of a stack."""

    def __init__(self, **settings):
        super().__init__({"llm": {"chain": ["understudy"], **settings}})

    def start(self):
        self.launch("llm")
        eventually(lambda: self.is_ready("llm"), 30, "the proxy is ready")

    def again(self):
        """Ends it and starts it on the same data."""
        status, left = self.stop()
        assert (status, left) == (0, []), self.logs()
        self.start()

    def chat(self, headers=None, max_tokens=20, **more):
        body = {"model": "understudy", "max_tokens": max_tokens,
                "messages": [{"role": "user", "content": "Hello."}], **more}
        return self.request("llm", "POST", "/v1/chat/completions", json.dumps(body),
                            {"Content-Type": "application/json", **(headers or {})})

    def chat_as(self, name, **more):
        return self.chat({"Authorization": f"Bearer {SECRETS[name]}"}, **more)

    def limits(self):
        return self.get("llm", "/health").json["services"]["limits"]

    def metric(self, line):
        text = self.get("llm", "/metrics").body.decode()
        return next((float(found.rsplit(" ", 1)[1]) for found in text.splitlines()
                     if found.startswith(line + " ")), 0)


class ProxyTest(unittest.TestCase):
    def proxy(self, **settings):
        proxy = Proxy(**settings)
        self.addCleanup(proxy.destroy)
        proxy.start()
        return proxy

    def refused(self, reply, status):
        self.assertEqual(reply.status, status, reply)
        self.assertTrue(reply.json["error"]["message"], reply)
        for secret in SECRETS.values():
            self.assertNotIn(secret, reply.body.decode())
        return reply


class AtTheDoor(ProxyTest):
    def test_without_keys_everybody_on_this_machine_may_ask(self):
        proxy = self.proxy()
        self.assertEqual(proxy.chat().status, 200)
        self.assertEqual(proxy.chat({"Authorization": "Bearer whatever"}).status, 200)

    def test_a_key_opens_in_each_of_the_three_headers_and_a_wrong_one_does_not(self):
        proxy = self.proxy(api_keys=KEYS)
        self.assertEqual(proxy.chat_as("alice").status, 200)
        self.assertEqual(proxy.chat({"x-api-key": SECRETS["alice"]}).status, 200)
        self.assertEqual(proxy.chat({"api-key": SECRETS["alice"]}).status, 200)
        self.refused(proxy.chat(), 401)
        self.refused(proxy.chat({"Authorization": "Bearer " + SECRETS["alice"][:-1]}), 401)
        self.refused(proxy.chat_as("alice", model="another"), 403)
        self.refused(proxy.chat_as("member"), 403)
        self.assertEqual(proxy.limits(), "local")
        self.assertEqual(proxy.metric('troupe_llm_refusals_total{reason="key"}'), 2)

    def test_more_requests_than_a_minute_has_are_told_when_to_come_again(self):
        proxy = self.proxy(api_keys=KEYS)
        self.assertEqual(proxy.chat_as("few").status, 200)
        reply = self.refused(proxy.chat_as("few"), 429)
        self.assertIn(int(reply.headers["Retry-After"]), range(1, 61))

    def test_a_budget_reserves_the_most_there_can_be_and_settles_what_there_was(self):
        proxy = self.proxy(api_keys=KEYS)
        self.refused(proxy.chat_as("day", max_tokens=2000), 413)
        used = 0
        for _ in range(200):
            reply = proxy.chat_as("day", max_tokens=500)
            if reply.status != 200:
                break
            used += reply.json["usage"]["total_tokens"]
        reply = self.refused(reply, 429)
        self.assertGreater(int(reply.headers["Retry-After"]), 0)
        # Had it not settled, three would have been all.
        self.assertGreater(used, 1000)
        self.assertLessEqual(used, 2000)
        # The books know of it after a restart.
        proxy.again()
        self.refused(proxy.chat_as("day", max_tokens=500), 429)


class Shared(ProxyTest):
    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.destroy)

    def two(self, lease_requests, timeout_ms=10_000):
        """`timeout_ms` is long: a Redis that the machine holds up shall not count as away."""
        settings = {"api_keys": KEYS, "redis_url": self.redis.url,
                    "redis_connect_timeout_ms": timeout_ms, "lease_requests": lease_requests}
        proxies = [self.proxy(**settings), self.proxy(**settings)]
        for proxy in proxies:
            eventually(lambda: proxy.limits() == "shared", 20, "limits are shared")
        return proxies

    def test_two_proxies_let_as_many_requests_pass_as_one_would(self):
        proxies = self.two(lease_requests=1)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda i: proxies[i % 2].chat_as("busy"), range(60)))
        statuses = [reply.status for reply in replies]
        self.assertEqual(statuses.count(200), 20, statuses)
        self.assertEqual(statuses.count(429), 40, statuses)
        for reply in replies:
            if reply.status == 429:
                self.assertIn(int(reply.headers["Retry-After"]), range(1, 3601))

    def test_two_proxies_use_one_budget_and_not_a_token_more(self):
        for lease_requests in (1, 4):
            with self.subTest(lease_requests=lease_requests):
                self.redis.ask("FLUSHALL")
                proxies = self.two(lease_requests)

                def spend(i, proxies=proxies):
                    used = 0
                    for _ in range(200):
                        reply = proxies[i % 2].chat_as("day", max_tokens=100)
                        if reply.status != 200:
                            self.refused(reply, 429)
                            return used
                        used += reply.json["usage"]["total_tokens"]
                    self.fail("the budget has no end")

                with concurrent.futures.ThreadPoolExecutor(8) as pool:
                    used = sum(pool.map(spend, range(8)))
                self.assertLessEqual(used, 2000)
                self.assertGreater(used, 500)

    def test_without_redis_each_holds_the_limits_alone_and_says_so(self):
        first, second = self.two(lease_requests=1)
        self.redis.kill()
        for proxy in (first, second):
            eventually(lambda: proxy.limits() == "unavailable", 20, "the outage is seen")
            eventually(lambda: proxy.metric("troupe_llm_limits_shared") == 0, 20, "and measured")
            self.assertTrue(proxy.is_ready("llm"))
            self.assertEqual([proxy.chat_as("few").status for _ in range(2)], [200, 429])
        self.redis.start()
        for proxy in (first, second):
            eventually(lambda: proxy.limits() == "shared", 20, "limits are shared again")
        self.assertEqual(first.chat_as("busy").status, 200)

    def test_a_frozen_redis_holds_nobody_up(self):
        first, _ = self.two(lease_requests=1, timeout_ms=300)
        self.redis.freeze()
        try:
            self.assertEqual(first.chat_as("busy").status, 200)
            eventually(lambda: first.limits() == "unavailable", 20, "the outage is seen")
        finally:
            self.redis.thaw()
        eventually(lambda: first.limits() == "shared", 20, "limits are shared again")

    def test_what_a_proxy_has_borrowed_is_there_for_the_other_when_it_has_ended(self):
        first, second = self.two(lease_requests=100)
        self.assertEqual(first.chat_as("day", max_tokens=50).status, 200)
        first.process.send_signal(signal.SIGTERM)
        first.process.wait(20)
        # All but what that one request came to, and its prompt.
        self.assertEqual(second.chat_as("day", max_tokens=1800).status, 200)


if __name__ == "__main__":
    unittest.main()
