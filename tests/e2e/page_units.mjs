// The parts of the page that need no browser: markdown, and the Gateway session on a world of its
// own. esbuild, which the page is built with anyway, makes them importable.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "node:test";
import { kRoot } from "./browser.mjs";

const require = createRequire(join(kRoot, "build/page/node_modules/"));
const { buildSync } = require("esbuild");

function load(name) {
  const entry = join(kRoot, "services/hub/page/src", name);
  const built = buildSync({ entryPoints: [entry], bundle: true, write: false, format: "esm" });
  const text = Buffer.from(built.outputFiles[0].contents).toString("base64");
  return import(`data:text/javascript;base64,${text}`);
}

const { parse } = await load("markdown.ts");
const { Gateway } = await load("gateway.ts");

// --- markdown ----------------------------------------------------------------------------------

// A short notation of the tree: bold(x), and so on.
const flat = (nodes) =>
  nodes
    .map((node) => {
      if (typeof node === "string") return node;
      const { kind, children, text, items, href, id, name, language, seconds, style } = node;
      if (kind === "paragraph") return flat(children);
      if (kind === "list")
        return `${node.ordered ? `ol${node.start}` : "ul"}(${items.map(flat).join("|")})`;
      if (kind === "link") return `link[${href}](${flat(children)})`;
      if (kind === "time") return `time(${seconds},${style})`;
      if (kind === "fence") return `fence[${language}](${text})`;
      return `${kind}(${children ? flat(children) : (text ?? id ?? name)})`;
    })
    .join("");

const cases = [
  ["plain <b>text</b> & more", "plain <b>text</b> & more"],
  ["**bold** and *it* and _it_", "bold(bold) and italic(it) and italic(it)"],
  ["***both***", "bold(italic(both))"],
  ["__under *in*__ ~~gone~~ ||dark||", "underline(under italic(in)) strike(gone) spoiler(dark)"],
  ["snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"],
  ["\\*not\\* and `*code*` and ``a`b``", "*not* and code(*code*) and code(a`b)"],
  ["**open", "**open"],
  ["a\n```js\nlet **x**\n```\nb", "afence[js](let **x**)b"],
  ["```\nopen", "```\nopen"],
  ["> one\n> *two*\nthree", "quote(one\nitalic(two))three"],
  [">>> all\nof it", "quote(all\nof it)"],
  ["# One\n## Two\n### Three\n-# small\n#none", "h1(One)h2(Two)h3(Three)subtext(small)#none"],
  ["- a\n- b\n  - c\n3. d", "ul(a|bul(c)|d)"],
  ["3. a\n4. b", "ol3(a|b)"],
  [
    "<@1> <@!2> <@&3> <#4> <:wave:5> </why:6>",
    "user(1) user(2) role(3) channel(4) emoji(wave) command(why)",
  ],
  ["@everyone mail@here.example", "everyone(everyone) maileveryone(here).example"],
  ["<t:1618953630:R> <t:0>", "time(1618953630,R) time(0,f)"],
  [
    "see https://a.example/x_y_(z)). <https://b.example>",
    "see link[https://a.example/x_y_(z)](https://a.example/x_y_(z))). " +
      "link[https://b.example/](https://b.example)",
  ],
  [
    "[name](https://a.example/) [bad](javascript:alert(1)) [x](data:text/html,1)",
    "link[https://a.example/](name) [bad](javascript:alert(1)) [x](data:text/html,1)",
  ],
  [
    "<javascript:alert(1)> <script>alert(1)</script>",
    "<javascript:alert(1)> <script>alert(1)</script>",
  ],
];
for (const [text, expected] of cases) {
  test(`Markdown reads ${JSON.stringify(text)}`, () => assert.equal(flat(parse(text)), expected));
}

test("Markdown survives what is nested without end", () => {
  for (const text of [
    ">".repeat(2000),
    "> ".repeat(1000),
    "*_".repeat(1000),
    "||".repeat(1000),
    "[".repeat(2000),
    "`".repeat(1999),
    "**__~~||".repeat(250) + "x" + "||~~__**".repeat(250),
  ]) {
    assert.ok(parse(text).length >= 0);
  }
});

// --- the Gateway session -----------------------------------------------------------------------

class World {
  sockets = [];
  timers = new Set();
  dispatched = [];
  states = [];
  tokens = ["second"];

  constructor() {
    this.gateway = new Gateway(
      {
        connect: () => {
          const socket = {
            sent: [],
            send: (text) => socket.sent.push(JSON.parse(text)),
            close: (code) => (socket.code = code),
            onmessage: null,
            onclose: null,
          };
          this.sockets.push(socket);
          return socket;
        },
        after: (ms, run) => {
          const timer = { ms, run };
          this.timers.add(timer);
          return () => this.timers.delete(timer);
        },
        random: () => 0.5,
      },
      {
        dispatch: (name) => this.dispatched.push(name),
        state: (state, reason) => this.states.push(reason ? `${state}: ${reason}` : state),
        renew: async () => this.tokens.shift(),
      },
      "first",
    );
    this.gateway.start();
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get waits() {
    return [...this.timers].map(({ ms }) => ms).sort((a, b) => a - b);
  }

  tick() {
    // the only timer there is
    assert.equal(this.timers.size, 1);
    const [timer] = this.timers;
    this.timers.delete(timer);
    timer.run();
  }

  receive(payload) {
    this.socket.onmessage({ data: JSON.stringify(payload) });
  }

  open() {
    this.receive({ op: 10, d: { heartbeat_interval: 1000 } });
    this.receive({ op: 0, t: "READY", s: 1, d: { session_id: "s1" } });
  }

  ops() {
    return this.socket.sent.map(({ op }) => op);
  }
}

test("A session identifies, and beats first after a share of the interval", () => {
  const world = new World();
  assert.deepEqual(world.waits, [10_000]); // for Hello
  world.receive({ op: 10, d: { heartbeat_interval: 1000 } });
  assert.deepEqual(world.ops(), [2]);
  assert.equal(world.socket.sent[0].d.token, "first");
  assert.deepEqual(world.waits, [500]);
  world.tick();
  assert.deepEqual(world.socket.sent[1], { op: 1, d: null });
  assert.deepEqual(world.waits, [1000]);
});

test("A heartbeat carries the last sequence, and is sent at once when asked for", () => {
  const world = new World();
  world.open();
  world.receive({ op: 0, t: "TYPING_START", s: 7, d: {} });
  world.receive({ op: 1 });
  assert.deepEqual(world.socket.sent.at(-1), { op: 1, d: 7 });
  assert.deepEqual(world.dispatched, ["READY", "TYPING_START"]);
});

test("A zombie is left without ending the session, which is then resumed", () => {
  const world = new World();
  world.open();
  world.tick(); // beats, and nobody acknowledges
  world.tick();
  assert.equal(world.sockets[0].code, 4000);
  assert.deepEqual(world.states, ["open", "lost"]);
  world.tick(); // the pause
  world.receive({ op: 10, d: { heartbeat_interval: 1000 } });
  assert.deepEqual(world.socket.sent[0], {
    op: 6,
    d: { token: "first", session_id: "s1", seq: 1 },
  });
  world.receive({ op: 0, t: "RESUMED", s: 2, d: {} });
  assert.equal(world.states.at(-1), "open");
});

test("An acknowledged heartbeat keeps the connection", () => {
  const world = new World();
  world.open();
  for (let beat = 0; beat < 3; beat += 1) {
    world.tick();
    world.receive({ op: 11 });
  }
  assert.deepEqual(world.ops(), [2, 1, 1, 1]);
  assert.equal(world.sockets.length, 1);
});

test("A hub that says nothing is given up", () => {
  const world = new World();
  world.tick();
  assert.equal(world.sockets[0].code, 4000);
  assert.equal(world.states.at(-1), "lost");
});

test("Reconnect is obeyed even before Hello", () => {
  const world = new World();
  world.receive({ op: 7, d: null });
  world.tick();
  assert.equal(world.sockets.length, 2);
});

test("An invalid session that may be resumed is, on the same socket", () => {
  const world = new World();
  world.open();
  world.receive({ op: 9, d: true });
  assert.deepEqual(world.ops(), [2, 6]);
});

test("An invalid session that may not be resumed begins anew after a pause", () => {
  const world = new World();
  world.open();
  world.receive({ op: 9, d: false });
  assert.deepEqual(world.waits, [500, 3000]); // the heart goes on
  [...world.timers].find(({ ms }) => ms === 3000).run();
  assert.deepEqual(world.ops(), [2, 2]);
});

for (const code of [1001, 1006, 4000, 4001, 4002]) {
  test(`After close ${code} the session is resumed`, () => {
    const world = new World();
    world.open();
    world.socket.onclose({ code });
    world.tick();
    world.receive({ op: 10, d: { heartbeat_interval: 1000 } });
    assert.deepEqual(world.ops(), [6]);
  });
}

for (const code of [1000, 4003, 4005, 4007, 4008, 4009]) {
  test(`After close ${code} a new session begins`, () => {
    const world = new World();
    world.open();
    world.socket.onclose({ code });
    world.tick();
    world.receive({ op: 10, d: { heartbeat_interval: 1000 } });
    assert.deepEqual(world.ops(), [2]);
    assert.equal(world.socket.sent[0].d.token, "first");
  });
}

for (const code of [4010, 4011, 4012, 4013, 4014]) {
  test(`Close ${code} is final and says why`, () => {
    const world = new World();
    world.open();
    world.socket.onclose({ code });
    assert.match(world.states.at(-1), /^stopped: The hub/);
    assert.deepEqual(world.waits, []);
  });
}

test("A refused token is renewed, and without a new one the page stops", async () => {
  const world = new World();
  world.socket.onclose({ code: 4004 });
  await Promise.resolve();
  await Promise.resolve();
  world.receive({ op: 10, d: { heartbeat_interval: 1000 } });
  assert.equal(world.socket.sent[0].d.token, "second");
  world.socket.onclose({ code: 4004 });
  await Promise.resolve();
  await Promise.resolve();
  assert.match(world.states.at(-1), /^stopped: /);
  assert.equal(world.sockets.length, 2);
});

test("Pauses grow to a limit, and waking up ends one", () => {
  const world = new World();
  const pauses = [];
  for (let round = 0; round < 9; round += 1) {
    world.socket.onclose({ code: 1006 });
    pauses.push(world.waits[0]);
    world.tick();
  }
  assert.deepEqual(pauses, [375, 750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500]);
  world.socket.onclose({ code: 1006 });
  world.gateway.wake();
  assert.deepEqual(world.waits, [10_000]);
});
