// The page against a hub that fails it in every way that a hub, a network or a message can.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { FakeHub, kChannels, kOrigin, kTurn, kUsers } from "./fake_hub.mjs";
import { complaints, kBuilt, kDeadlineMs, launch, violations } from "./browser.mjs";

const { general, bar } = kChannels;
const { ada, peter, brian, grace } = kUsers;
const kPosting = `POST /api/v10/channels/${general}/messages`;

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// A page that shows #general of the hub that `prepare` has set up.
async function scene(prepare = () => {}, { expected = [], wait = true, ...options } = {}) {
  const context = await browser.newContext({
    baseURL: kOrigin,
    viewport: { width: 1300, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(kDeadlineMs);
  const hub = new FakeHub(kBuilt);
  prepare(hub);
  await hub.install(context);
  const page = await context.newPage();
  const wrong = complaints(page, kOrigin, expected);
  await page.goto("/");
  if (wait) await page.getByRole("log").waitFor();
  const asked = (method, part) =>
    page.waitForRequest((request) => request.method() === method && request.url().includes(part));
  const box = page.getByRole("combobox", { name: /^Message / });
  const end = async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  };
  return {
    page,
    hub,
    asked,
    box,
    end,
    line: (text) => page.locator(".message", { hasText: text }),
  };
}

const many = (hub, count) => {
  for (let number = 1; number <= count; number += 1) {
    hub.say(general, [ada, peter, grace][number % 3], `Line number ${number}.`);
  }
};

test("What somebody writes never becomes markup or a script", async () => {
  const { page, line, end } = await scene((hub) =>
    hub.say(
      general,
      grace,
      "<img src=x onerror=alert(1)><script>alert(2)</script> [x](javascript:alert(3)) **<b>y</b>**",
    ),
  );
  await line("<script>").waitFor();
  assert.equal(await page.locator(".said :is(img, script, b, a)").count(), 0);
  assert.equal(await page.locator(".said strong").textContent(), "<b>y</b>");
  await end();
});

test("A link tells the other side nothing", async () => {
  const { page, end } = await scene((hub) => hub.say(general, grace, "see https://example.org/a"));
  const link = page.getByRole("link", { name: "https://example.org/a" });
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer nofollow");
  await end();
});

test("A refused line stays, and goes again under the same nonce", async () => {
  const { page, hub, box, asked, end } = await scene(
    (it) =>
      (it.refusals[kPosting] = { status: 500, body: { message: "The disk is full.", code: 0 } }),
    { expected: ["500"] },
  );
  await box.fill("Does it arrive?");
  const first = asked("POST", "/messages");
  await box.press("Enter");
  const { nonce } = (await first).postDataJSON();
  await page.getByText("The disk is full.").waitFor();
  const second = asked("POST", "/messages");
  await page.getByRole("button", { name: "Try again" }).click();
  const body = (await second).postDataJSON();
  assert.equal(body.nonce, nonce);
  assert.equal(body.enforce_nonce, true);
  await page.getByText("Not sent.").waitFor({ state: "detached" });
  assert.equal(hub.messages[general].length, 1);
  await end();
});

test("A line that was refused can be discarded", async () => {
  const { page, box, line, end } = await scene(
    (hub) => (hub.refusals[kPosting] = { abort: true }),
    { expected: ["ERR_FAILED"] },
  );
  await box.fill("Never mind");
  await box.press("Enter");
  await page.getByText("The hub does not answer.").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await line("Never mind").waitFor({ state: "detached" });
  await end();
});

test("A rate limit is waited out", async () => {
  const { page, hub, box, line, end } = await scene(
    (it) =>
      (it.refusals[kPosting] = {
        status: 429,
        headers: { "Retry-After": "0" },
        body: { message: "slow", retry_after: 0 },
      }),
    { expected: ["429"] },
  );
  await box.fill("Patience");
  await box.press("Enter");
  await line("Patience").and(page.locator(":not(.pending)")).waitFor();
  assert.equal(hub.messages[general].length, 1);
  await end();
});

test("A rate limit that is too long to wait out is told", async () => {
  const { page, box, end } = await scene(
    (it) =>
      (it.refusals[kPosting] = {
        status: 429,
        headers: { "Retry-After": "600" },
        body: { message: "slow" },
      }),
    { expected: ["429"] },
  );
  await box.fill("Impatience");
  await box.press("Enter");
  await page.getByText("Too fast: the hub asks for a pause.").waitFor();
  await end();
});

test("Without a session the page says so, and knocks again", async () => {
  const { page, end } = await scene(
    (hub) =>
      (hub.refusals["POST /api/session"] = {
        status: 403,
        body: { message: "Only from this machine." },
      }),
    { expected: ["403"], wait: false },
  );
  await page.getByText("Only from this machine.").waitFor();
  await page.getByRole("button", { name: "Knock again" }).click();
  await page.getByRole("log").waitFor();
  await end();
});

test("An answer that is no JSON is no reason to break", async () => {
  const { page, end } = await scene(
    (hub) => (hub.refusals["POST /api/session"] = { status: 200, body: "<html>" }),
    { wait: false },
  );
  await page.getByText("The hub's answer cannot be read.").waitFor();
  await end();
});

test("Messages that cannot be read can be asked for again", async () => {
  const { page, line, end } = await scene(
    (hub) => {
      hub.say(general, peter, "Here I am.");
      hub.refusals[`GET /api/v10/channels/${general}/messages`] = {
        status: 503,
        body: { message: "Later." },
      };
    },
    { expected: ["503"] },
  );
  await page.getByText("The messages could not be read").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await line("Here I am.").waitFor();
  await end();
});

test("A lost connection is told, resumed, and misses nothing", async () => {
  const { page, hub, line, end } = await scene((it) => it.say(general, peter, "Before."));
  await line("Before.").waitFor();
  const banner = page.getByText("The line to the hub is down.");
  const resumed = new Promise((resolve) => (hub.heard = ({ op, d }) => op === 6 && resolve(d)));
  hub.socket.close({ code: 4000 });
  await banner.waitFor();
  assert.equal((await resumed).session_id, "s1");
  await banner.waitFor({ state: "detached" });
  hub.speak(general, peter, "After.");
  await line("After.").waitFor();
  assert.equal(await line("Before.").count(), 1);
  await end();
});

test("A refused token is renewed without anybody noticing", async () => {
  const { hub, line, end } = await scene();
  const again = new Promise((resolve) => (hub.heard = ({ op, d }) => op === 2 && resolve(d)));
  hub.session.token = "another";
  hub.socket.close({ code: 4004 });
  assert.equal((await again).token, "another");
  hub.speak(general, peter, "Still here.");
  await line("Still here.").waitFor();
  await end();
});

test("A refusal that is final is told once", async () => {
  const { page, hub, end } = await scene();
  hub.socket.close({ code: 4014 });
  await page.getByText("The hub does not allow these intents.").waitFor();
  assert.equal(hub.sockets.length, 1);
  await end();
});

test("A replayed message stands there once", async () => {
  const { page, hub, line, end } = await scene();
  const message = hub.speak(general, peter, "Once.");
  hub.dispatch("MESSAGE_CREATE", message);
  hub.speak(general, brian, "Twice?");
  await line("Twice?").waitFor();
  assert.equal(await page.locator(".message").count(), 2);
  await end();
});

test("A line that comes while history is on its way is not lost", async () => {
  let release;
  const { page, hub, asked, line, end } = await scene((it) => many(it, 3));
  await line("Line number 3.").waitFor();
  const history = asked("GET", `/channels/${bar}/messages`);
  hub.held = { part: "/messages", until: new Promise((resolve) => (release = resolve)) };
  await page.getByRole("button", { name: "bar", exact: true }).click();
  await history;
  hub.say(bar, brian, "Before the answer.");
  hub.dispatch("MESSAGE_CREATE", hub.messages[bar][0]);
  await line("Before the answer.").waitFor();
  release();
  await page.locator(".beginning").waitFor();
  assert.equal(await line("Before the answer.").count(), 1);
  await end();
});

test("Events and members of a newer hub are passed over", async () => {
  const { hub, line, end } = await scene();
  hub.dispatch("SOMETHING_NEW", { a: 1 });
  hub.dispatch("MESSAGE_UPDATE", { id: "9", channel_id: "9", content: "?" });
  hub.dispatch("MESSAGE_REACTION_ADD", {
    channel_id: "9",
    message_id: "9",
    user_id: "9",
    emoji: {},
  });
  hub.speak(general, peter, "Fine.", { fields: { new_member: {} } });
  await line("Fine.").waitFor();
  await end();
});

test("Scrolling back fetches history and keeps the view where it was", async () => {
  const { page, hub, asked, line, end } = await scene((it) => many(it, 120));
  await line("Line number 120.").waitFor();
  const log = page.getByRole("log");
  const older = asked("GET", "before=");
  const top = await log.evaluate((view) => {
    view.scrollTop = 300;
    const edge = view.getBoundingClientRect().top;
    const seen = [...view.querySelectorAll(".message")].find(
      (each) => each.getBoundingClientRect().bottom > edge,
    );
    seen.setAttribute("data-seen", "");
    return seen.getBoundingClientRect().top;
  });
  await older;
  await page.locator(".message", { hasText: "Line number 25." }).waitFor({ state: "attached" });
  const now = await page
    .locator("[data-seen]")
    .evaluate((each) => each.getBoundingClientRect().top);
  assert.ok(Math.abs(now - top) < 2, `it moved by ${now - top} pixels`);
  hub.speak(general, peter, "Far below.");
  await line("Far below.").waitFor({ state: "attached" });
  assert.ok(
    Math.abs(
      (await page.locator("[data-seen]").evaluate((each) => each.getBoundingClientRect().top)) -
        top,
    ) < 2,
  );
  await end();
});

test("A jump to what was answered long ago, and back to the present", async () => {
  const { page, line, end } = await scene((hub) => {
    const first = hub.say(general, peter, "The very first line.");
    many(hub, 600);
    hub.say(general, brian, "To that I say no.", { replyTo: first });
  });
  await line("To that I say no.")
    .getByRole("button", { name: /In reply to/ })
    .click();
  await page.locator(".message.lit", { hasText: "The very first line." }).waitFor();
  // At once: while newer messages come in below, the button may be drawn anew under the pointer.
  await page.getByRole("button", { name: /To the present/ }).evaluate((button) => button.click());
  await line("To that I say no.").waitFor();
  await end();
});

test("A jump to what is gone says so", async () => {
  const { page, hub, line, end } = await scene((it) => {
    const first = it.say(general, peter, "Doomed.");
    many(it, 60);
    it.say(general, brian, "An answer.", { replyTo: first });
    it.messages[general].shift();
  });
  await line("An answer.")
    .getByRole("button", { name: /In reply to/ })
    .click();
  await page.getByText("That message is not there any more.").waitFor();
  assert.ok(hub.requests.some((one) => one.includes("around=")));
  await end();
});

test("One's own lines are edited by Up, and deleted", async () => {
  const { page, box, line, asked, end } = await scene((hub) => hub.say(general, ada, "Helo"));
  await line("Helo").waitFor();
  await box.press("ArrowUp");
  const editor = page.getByRole("textbox", { name: "Edit the message" });
  await editor.fill("Hello");
  await editor.press("Enter");
  await line("Hello").getByText("edited").waitFor();
  await line("Hello").hover();
  const gone = asked("DELETE", "/messages/");
  await line("Hello").getByRole("button", { name: "Delete" }).click();
  await gone;
  await line("Hello").waitFor({ state: "detached" });
  await end();
});

test("A reaction is added, counted and taken back", async () => {
  const { page, hub, line, asked, end } = await scene((it) => it.say(general, peter, "Laugh!"));
  await line("Laugh!").hover();
  await line("Laugh!").getByRole("button", { name: "React" }).click();
  const put = asked("PUT", "/reactions/");
  await page
    .getByRole("dialog", { name: "Pick an emoji" })
    .getByRole("button", { name: "👏" })
    .click();
  assert.match((await put).url(), /reactions\/%F0%9F%91%8F\/@me$/);
  const event = {
    channel_id: general,
    message_id: hub.messages[general][0].id,
    user_id: ada.id,
    emoji: { id: null, name: "👏" },
  };
  hub.dispatch("MESSAGE_REACTION_ADD", event);
  const taken = asked("DELETE", "/reactions/");
  await page.getByRole("button", { name: /👏, 1/ }).click();
  await taken;
  hub.dispatch("MESSAGE_REACTION_REMOVE", event);
  await page.getByRole("button", { name: /👏, 1/ }).waitFor({ state: "detached" });
  await end();
});

test("Files are sent as a form, and what is too large is refused at once", async () => {
  const { page, asked, end } = await scene();
  const input = page.locator("input[type=file]");
  await input.setInputFiles([
    { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("hi") },
  ]);
  await input.setInputFiles([
    {
      name: "huge.bin",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(10 * 1024 * 1024 + 1),
    },
  ]);
  await page.getByText("huge.bin is over").waitFor();
  const posted = asked("POST", "/messages");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  assert.match((await posted).headers()["content-type"], /^multipart\/form-data/);
  await end();
});

test("A slash command becomes an interaction with its options", async () => {
  const { page, box, asked, end } = await scene((hub) =>
    hub.commands.push({
      id: "71",
      application_id: peter.id,
      name: "quiet",
      type: 1,
      description: "Silence",
      options: [{ name: "minutes", type: 4 }],
    }),
  );
  await box.pressSequentially("/qu");
  await page.getByRole("option", { name: /quiet/ }).waitFor();
  await box.press("Tab");
  await box.pressSequentially("10");
  const called = asked("POST", "/interactions");
  await box.press("Enter");
  const body = (await called).postDataJSON();
  assert.equal(body.application_id, peter.id);
  assert.deepEqual(body.data.options, [{ name: "minutes", type: 4, value: 10 }]);
  await end();
});

test("An ephemeral answer says that only this person sees it, and can be dismissed", async () => {
  const { hub, line, end } = await scene();
  hub.speak(general, peter, "Between us.", {
    fields: { flags: 64, type: 20, interaction: { name: "why", user: ada } },
  });
  await line("Only you can see this.").getByRole("button", { name: "Dismiss" }).click();
  await line("Between us.").waitFor({ state: "detached" });
  await end();
});

test("Other channels count what is unread and who is called, until they are read", async () => {
  const { page, hub, asked, end } = await scene();
  hub.speak(bar, peter, "Psst.");
  await page.getByRole("button", { name: "bar, unread", exact: true }).waitFor();
  hub.speak(bar, peter, "<@11>!", { fields: { mentions: [ada] } });
  const read = asked("POST", "/ack");
  await page.getByRole("button", { name: "bar, unread, 1 mention" }).click();
  await read;
  await page.getByRole("button", { name: "bar", exact: true }).waitFor();
  await end();
});

test("A line whose turn is not kept says so; one that is shows all of it", async () => {
  const { page, line, end } = await scene(
    (hub) => {
      hub.turns[hub.say(general, peter, "Recorded.").id] = kTurn;
      hub.say(general, brian, "Unknown.");
    },
    { expected: ["404"] },
  );
  await line("Unknown.").getByText("Unknown.").click();
  await page.getByText("No turn is kept for this line.").waitFor();
  await line("Recorded.").getByText("Recorded.").click();
  const view = page.getByRole("complementary", { name: "Behind this line" });
  await view.getByText("Draft 2", { exact: true }).waitFor();
  for (const text of [
    "spoken to 100",
    "Peter's beers",
    "assistant voice",
    "draft 2",
    "needed 60",
  ]) {
    assert.ok(await view.getByText(text).count(), text);
  }
  assert.equal(await view.getByRole("meter", { name: "Grounding" }).count(), 2);
  await end();
});

test("The strip tells the energy and why nobody speaks", async () => {
  let release;
  const { page, hub, end } = await scene((it) => {
    it.held = { part: "/stage", until: new Promise((resolve) => (release = resolve)) };
  });
  const stage = {
    channel_id: general,
    energy: 1,
    energy_max: 4,
    message_count: 3,
    quiet_until_ms: 0,
    status: "silent",
    character: "",
    reason: "out_of_energy",
    turn_id: "",
  };
  hub.dispatch("TROUPE_STAGE", stage);
  await page.getByText("The cast has talked itself out.").waitFor();
  const older = page.waitForResponse((response) => response.url().includes("/stage"));
  release();
  await (await older).finished();
  assert.equal(await page.getByRole("meter").getAttribute("aria-valuenow"), "1");
  hub.dispatch("TROUPE_STAGE", { ...stage, status: "open", reason: "", character: "brian" });
  await page.getByText("Brian is drafting").waitFor();
  hub.dispatch("TROUPE_STAGE", { ...stage, reason: "a_new_reason" });
  await page.getByText("Nobody spoke: a new reason.").waitFor();
  await end();
});

test("A search finds, fails and jumps", async () => {
  const { page, hub, end } = await scene((it) => many(it, 90), { expected: ["500"] });
  await page.getByRole("button", { name: "Search" }).click();
  const box = page.getByRole("searchbox");
  hub.refusals["/messages/search"] = { status: 500, body: { message: "The index is gone." } };
  await box.fill("number 7.");
  await page.getByText("The index is gone.").waitFor();
  await box.fill("number 8. from:grace");
  await page.getByText("1 line found").waitFor();
  assert.ok(hub.requests.at(-1).includes(`author_id=${grace.id}`));
  await page.getByRole("button", { name: /Jump to what/ }).click();
  await page.locator(".message.lit", { hasText: "Line number 8." }).waitFor();
  await end();
});

test("Ctrl+K goes to a channel, and arrow keys walk through the lines", async () => {
  const { page, box, line, end } = await scene((hub) => {
    hub.say(bar, peter, "First.");
    hub.say(bar, brian, "Second.");
  });
  await box.press("Control+k");
  await page.getByRole("combobox", { name: "Channel or member" }).fill("ba");
  await page.keyboard.press("Enter");
  await line("Second.").focus();
  await page.keyboard.press("ArrowUp");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /First\./);
  await page.keyboard.press("r");
  await page.getByText("Replying to Peter").waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("Replying to Peter").waitFor({ state: "detached" });
  await end();
});

for (const options of [
  { colorScheme: "light" },
  { colorScheme: "dark" },
  { colorScheme: "light", viewport: { width: 390, height: 780 } },
]) {
  const name = `${options.colorScheme}${options.viewport ? ", as wide as a phone" : ""}`;
  test(`axe-core finds nothing serious: ${name}`, async () => {
    const { page, hub, end } = await scene((it) => {
      const first = it.say(
        general,
        peter,
        "**Bold** ||dark|| `code` <@11> <#102> https://example.org\n" +
          "> quote\n```js\ncode()\n```",
        {
          fields: {
            mentions: [ada],
            edited_timestamp: "2026-03-05T20:00:00Z",
            reactions: [{ emoji: { name: "👍" }, count: 2, me: true }],
          },
        },
      );
      it.turns[first.id] = kTurn;
      it.say(general, brian, "No.", { replyTo: first });
      it.say(general, ada, "Yes.");
      it.stages[general] = {
        channel_id: general,
        energy: 1.5,
        energy_max: 4,
        message_count: 1,
        quiet_until_ms: 0,
        status: "silent",
        character: "",
        reason: "at_rest",
        turn_id: "",
      };
    }, options);
    hub.dispatch("TYPING_START", { channel_id: general, user_id: grace.id });
    await page.getByText("Grace Hopper is typing").waitFor();
    assert.deepEqual(await violations(page), []);
    await page.locator(".message strong", { hasText: "Bold" }).click();
    await page.getByText("Who was considered").waitFor();
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(await violations(page), []);
    await end();
  });
}
