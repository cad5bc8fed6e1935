// A hub inside the browser's own network layer: serves the built page, REST and the Gateway by
// Playwright's interception, so that a test can make them fail as no real hub would. No sockets.
import { readFileSync } from "node:fs";
import { join, normalize } from "node:path";

export const kOrigin = "http://troupe.test";
export const kPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const kTypes = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const kEpochMs = 1420070400000;
const kBegin = Date.parse("2026-03-05T19:00:00Z");

let serial = 0;
export const idAt = (ms) => String((BigInt(ms - kEpochMs) << 22n) + BigInt(++serial));

const user = (id, name, bot) => ({ id, username: name.toLowerCase(), global_name: name, bot });
export const kUsers = {
  ada: user("11", "Ada", false),
  peter: user("21", "Peter", true),
  brian: user("22", "Brian", true),
  stewie: user("23", "Stewie", true),
  grace: user("12", "Grace Hopper", false),
};
export const kGuild = "1";
export const kChannels = { general: "101", bar: "102", lab: "103" };

export class FakeHub {
  constructor(folder) {
    this.folder = folder;
    this.messages = {};
    this.turns = {};
    this.stages = {};
    this.commands = [];
    this.reads = {};
    this.requests = []; // "METHOD path" of what reached REST
    this.bodies = [];
    this.identified = []; // what the page sent over the Gateway, by op
    this.refusals = {}; // "METHOD path part" -> {status, body, headers}, once each
    this.hellos = true;
    this.session = { token: "person-token", user: kUsers.ada };
    this.clock = kBegin;
    this.sockets = [];
  }

  async install(context) {
    await context.routeWebSocket(/\/gateway\?/, (socket) => this.connected(socket));
    await context.route("**/*", (route) => this.answer(route));
  }

  // --- the world ------------------------------------------------------------------------------

  say(channel, author, content, more = {}) {
    this.clock += more.after ?? 20_000;
    const message = {
      id: idAt(this.clock),
      channel_id: channel,
      author,
      content,
      type: more.replyTo ? 19 : 0,
      timestamp: new Date(this.clock).toISOString(),
      edited_timestamp: null,
      mentions: [],
      mention_everyone: false,
      attachments: [],
      embeds: [],
      reactions: [],
      ...more.fields,
    };
    if (more.replyTo) {
      message.message_reference = { message_id: more.replyTo.id };
      message.referenced_message = more.replyTo;
    }
    (this.messages[channel] ??= []).push(message);
    return message;
  }

  speak(...what) {
    const message = this.say(...what);
    this.dispatch("MESSAGE_CREATE", message);
    return message;
  }

  // --- the Gateway ----------------------------------------------------------------------------

  connected(socket) {
    this.socket = socket;
    this.sockets.push(socket);
    this.sequence = 0;
    socket.onMessage((text) => this.received(socket, JSON.parse(text)));
    if (this.hellos) this.send({ op: 10, d: { heartbeat_interval: this.interval ?? 41_250 } });
  }

  send(payload) {
    this.socket.send(JSON.stringify(payload));
  }

  dispatch(name, data) {
    this.send({ op: 0, t: name, s: ++this.sequence, d: data });
  }

  received(socket, { op, d }) {
    this.identified.push({ op, d });
    this.heard?.({ op, d });
    if (op === 1) this.send({ op: 11 });
    if (op === 2) this.ready(d);
    if (op === 6) this.dispatch("RESUMED", {});
  }

  ready(identify) {
    if (identify.token !== this.session.token) {
      this.socket.close({ code: 4004, reason: "Authentication failed." });
      return;
    }
    this.dispatch("READY", {
      v: 10,
      user: kUsers.ada,
      session_id: "s1",
      resume_gateway_url: "ws://troupe.test",
      guilds: [{ id: kGuild, unavailable: true }],
      private_channels: [],
      read_state: {
        entries: Object.entries(this.reads).map(([id, last_message_id]) => ({
          id,
          last_message_id,
          mention_count: 0,
        })),
      },
      users: [kUsers.ada],
      application: { id: "11" },
    });
    const names = Object.entries(kChannels);
    this.dispatch("GUILD_CREATE", {
      id: kGuild,
      name: "Troupe",
      roles: [{ id: kGuild, name: "@everyone", permissions: "0" }],
      channels: [
        { id: "100", type: 4, name: "Text", position: 0 },
        ...names.map(([name, id], position) => ({
          id,
          type: 0,
          name,
          position,
          parent_id: "100",
          topic: name === "bar" ? "The Drunken Clam, more or less" : null,
          last_message_id: this.messages[id]?.at(-1)?.id ?? null,
        })),
      ],
      members: Object.values(kUsers).map((one) => ({ user: one, roles: [] })),
      presences: ["11", "21", "22", "23"].map((id) => ({ user: { id }, status: "online" })),
    });
  }

  // --- REST -----------------------------------------------------------------------------------

  async answer(route) {
    const request = route.request();
    const url = new URL(request.url());
    if (url.origin !== kOrigin) return route.abort();
    const what = `${request.method()} ${url.pathname}`;
    if (!/^\/(api)\//.test(url.pathname)) return this.file(route, url.pathname);
    this.requests.push(what + url.search);
    const refusal = Object.keys(this.refusals).find((part) => what.includes(part));
    if (refusal) {
      const { status, body, headers, abort } = this.refusals[refusal];
      delete this.refusals[refusal];
      return abort
        ? route.abort()
        : route.fulfill({
            status,
            headers,
            body: typeof body === "string" ? body : JSON.stringify(body),
          });
    }
    const body = request.headers()["content-type"]?.includes("json")
      ? request.postDataJSON()
      : null;
    this.bodies.push({ what, body });
    const reply = this.rest(what.replace("/api/v10", ""), url.searchParams, body);
    if (reply === undefined) return route.fulfill({ status: 204 });
    if (reply.fault)
      return route.fulfill({ status: reply.fault, json: { message: "404", code: 0 } });
    // What happens while an answer is held is news to it.
    if (this.held && what.includes(this.held.part)) await this.held.until;
    return route.fulfill({ json: reply });
  }

  file(route, path) {
    const name = path === "/" ? "/index.html" : normalize(path);
    try {
      return route.fulfill({
        body: readFileSync(join(this.folder, name)),
        headers: {
          "content-type": kTypes[name.split(".").at(-1)] ?? "application/octet-stream",
          "content-security-policy": kPolicy,
        },
      });
    } catch {
      return route.fulfill({ status: 404, body: "" });
    }
  }

  rest(what, query, body) {
    const [, , channel, id] = /^(\w+) \/channels\/(\d+)\/messages(?:\/(\d+))?/.exec(what) ?? [];
    if (what === "POST /api/session") return this.session;
    if (what.endsWith("/ack") || what.endsWith("/typing") || what.includes("/reactions/")) {
      return undefined;
    }
    if (channel && what.startsWith("GET")) return this.history(channel, query);
    if (channel && what.startsWith("POST")) return this.posted(channel, body);
    if (id && what.startsWith("PATCH")) return this.edited(channel, id, body);
    if (id && what.startsWith("DELETE")) {
      this.messages[channel] = this.messages[channel].filter((one) => one.id !== id);
      this.dispatch("MESSAGE_DELETE", { id, channel_id: channel });
      return undefined;
    }
    if (what.includes("/messages/search")) return this.search(query);
    if (what.includes("command-index")) return { application_commands: this.commands };
    if (what.startsWith("GET /api/troupe/stage")) {
      const channel_id = query.get("channel_id");
      return (
        this.stages[channel_id] ?? {
          channel_id,
          energy: 4,
          energy_max: 4,
          message_count: 0,
          quiet_until_ms: 0,
          status: "",
          character: "",
          reason: "",
          turn_id: "",
        }
      );
    }
    if (what.startsWith("GET /api/troupe/turns/")) {
      return this.turns[what.split("/").at(-1)] ?? { fault: 404 };
    }
    return undefined;
  }

  history(channel, query) {
    const all = this.messages[channel] ?? [];
    const limit = Number(query.get("limit") ?? 50);
    const at = (key) => all.findIndex((one) => one.id === query.get(key));
    if (query.get("before")) return all.slice(0, at("before")).slice(-limit).reverse();
    if (query.get("after"))
      return all
        .slice(at("after") + 1)
        .slice(0, limit)
        .reverse();
    if (query.get("around")) {
      const middle = at("around");
      return all.slice(Math.max(0, middle - limit / 2), middle + limit / 2).reverse();
    }
    return all.slice(-limit).reverse();
  }

  posted(channel, form) {
    const body = form ?? { content: "" };  // of a multipart form the browser tells no body
    const replyTo =
      body.message_reference &&
      this.messages[channel].find((one) => one.id === body.message_reference.message_id);
    const again = this.messages[channel]?.find((one) => one.nonce === body.nonce);
    if (again) return again;
    const message = this.say(channel, kUsers.ada, body.content, {
      replyTo,
      fields: { nonce: body.nonce },
    });
    this.dispatch("MESSAGE_CREATE", message);
    return message;
  }

  edited(channel, id, body) {
    const message = this.messages[channel].find((one) => one.id === id);
    Object.assign(message, {
      content: body.content,
      edited_timestamp: new Date(this.clock).toISOString(),
    });
    this.dispatch("MESSAGE_UPDATE", message);
    return message;
  }

  search(query) {
    const hits = Object.values(this.messages)
      .flat()
      .filter(
        (one) =>
          one.content.toLowerCase().includes((query.get("content") ?? "").toLowerCase()) &&
          (!query.get("author_id") || one.author.id === query.get("author_id")),
      );
    return { total_results: hits.length, messages: hits.slice(0, 25).map((one) => [one]) };
  }
}

// A turn as the router records it, with two drafts.
export const kTurn = {
  turn_id: "t-1",
  channel: "101",
  message_id: "1",
  author: "Ada",
  kind: "direct",
  status: "said",
  message: "Peter, what is your favourite beer?",
  reason: "passed",
  started_ms: kBegin,
  character: "peter",
  text: "Pawtucket Patriot Ale.",
  model: "understudy",
  passed: true,
  score: 81.2,
  degraded: false,
  sources: [
    { title: "Peter's beers", uri: "cast/peter.md", span: "120-480" },
    { title: "The Pawtucket Brewery", uri: "https://example.org/brewery", span: "0-210" },
  ],
  scores: {
    peter: {
      addressed: 100,
      topic: 18.4,
      pending: 0,
      talkativeness: 8,
      fairness: 3,
      repetition: -4,
      total: 125.4,
    },
    brian: { addressed: 0, topic: 12, talkativeness: 5, fairness: 7.5, fatigue: -6, total: 18.5 },
    stewie: { addressed: 0, topic: 2, talkativeness: 7, fairness: 5, total: 14 },
  },
  attempts: [
    {
      number: 1,
      band: "standard",
      text: "As an assistant I have no favourite beer.",
      model: "llama3.2:3b",
      provider: "local",
      draft_ms: 412,
      assess_ms: 0.4,
      assessment: {
        score: 41.5,
        threshold: 60,
        passed: false,
        components: { authenticity: 20, flow: 62, engagement: 44, grounding: 38, safety: 100 },
        findings: [
          {
            code: "assistant_voice",
            severity: "critical",
            hint: "You are Peter, not an assistant. Say what he would say.",
          },
          {
            code: "unsupported_claim",
            severity: "minor",
            hint: "Name the beer that the text names.",
          },
        ],
      },
    },
    {
      number: 2,
      band: "standard",
      text: "Pawtucket Patriot Ale.",
      model: "llama3.2:3b",
      provider: "local",
      draft_ms: 388,
      assess_ms: 0.5,
      hints: ["h1"],
      assessment: {
        score: 81.2,
        threshold: 60,
        passed: true,
        components: { authenticity: 88, flow: 79, engagement: 66, grounding: 92, safety: 100 },
        findings: [],
      },
    },
  ],
  faults: [],
  stages: [
    { name: "observe", start_ms: 0, ms: 3.1 },
    { name: "prompt", start_ms: 3.1, ms: 6 },
    { name: "retrieve", start_ms: 3.1, ms: 18 },
    { name: "draft 1", start_ms: 21.1, ms: 412 },
    { name: "assess 1", start_ms: 433, ms: 0.4 },
    { name: "draft 2", start_ms: 434, ms: 388 },
    { name: "assess 2", start_ms: 822, ms: 0.5 },
    { name: "record", start_ms: 823, ms: 1.2 },
  ],
  ms: 824.5,
};
