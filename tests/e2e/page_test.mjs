// A person in Chromium on a real stack, which page_test.py has started:
//
//   node page_test.mjs http://127.0.0.1:PORT
//
// Says "typing" when somebody is seen typing; the model waits for that.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { complaints, launch, violations } from "./browser.mjs";

const origin = process.argv[2];
const kWaitMs = 30_000; // of a line that bots, judge and model work on
// One red pixel.
const kPicture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8Dw" +
    "HwAFAAH/iZk9HQAAAABJRU5ErkJggg==",
  "base64",
);

const browser = await launch();
const page = await browser.newPage({
  colorScheme: "light",
  viewport: { width: 1300, height: 800 },
});
page.setDefaultTimeout(kWaitMs);
const wrong = complaints(page, origin);
const box = page.getByRole("combobox", { name: /^Message / });
const line = (name, text) =>
  page
    .locator(".message")
    .filter({ hasText: text })
    .and(page.locator(`[aria-label^="${name}"]`))
    .first();

async function opens() {
  const response = await page.goto(origin);
  const policy = response.headers()["content-security-policy"];
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.match(policy, /style-src 'self'(;|$)/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  for (const name of ["Peter", "Brian", "Stewie"]) {
    await page.locator(".member", { hasText: name }).locator(".face.online").waitFor();
  }
  assert.deepEqual(await violations(page), []);
}

async function talks() {
  await box.fill("Peter, what is your favourite beer?");
  await box.press("Enter");
  await page.getByText("Peter is typing").waitFor();
  console.log("typing");
  await line("Peter", "Holy crap, Brian").waitFor();
  // Nobody asked for that one.
  await page.locator('.message[aria-label^="Brian"]').first().waitFor();
}

async function looksBehind() {
  await line("Peter", "Holy crap, Brian").locator(".said").click();
  const view = page.getByRole("complementary", { name: "Behind this line" });
  await view.getByText("Peter answered").waitFor();
  await view
    .getByText(/spoken to \d/)
    .first()
    .waitFor();
  assert.ok((await view.locator(".candidate").count()) >= 2, "who was considered");
  assert.equal((await view.getByRole("meter").count()) % 6, 0, "five components and the score");
  assert.ok((await view.locator(".waterfall li").count()) >= 4, "the stages");
  assert.deepEqual(await violations(page), []);
  await page.locator('.message[aria-label^="Brian"] .said').first().click();
  await view.getByText("Brian went on by itself").waitFor();
  await page.keyboard.press("Escape");
}

async function reacts() {
  const peters = line("Peter", "Holy crap, Brian");
  await peters.hover();
  await peters.getByRole("button", { name: "React" }).click();
  await page.getByRole("button", { name: "👍", exact: true }).click();
  await peters.getByRole("button", { name: "👍, 1: take yours back" }).waitFor();
  await page
    .locator("input[type=file]")
    .setInputFiles([{ name: "red.png", mimeType: "image/png", buffer: kPicture }]);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  const picture = page.getByRole("img", { name: "red.png" }).and(page.locator("img"));
  await picture.waitFor();
  await page.waitForFunction(
    () => document.querySelector("img[alt='red.png']")?.naturalWidth === 1,
  );
}

async function comesBack() {
  await page.reload();
  await line("Peter", "Holy crap, Brian").waitFor();
  await page.getByRole("button", { name: "👍, 1: take yours back" }).waitFor();
  await page.getByRole("button", { name: /^lab/ }).click();
  await page.getByText("Note 120.", { exact: true }).waitFor();
  assert.equal(await page.getByText("Note 1.", { exact: true }).count(), 0);
  const log = page.getByRole("log");
  // Each step up waits for what it fetched, until the channel's beginning.
  for (let step = 0; (await page.locator(".beginning").count()) === 0; step += 1) {
    assert.ok(step < 20, "the beginning is not reached");
    const first = await page.locator(".message").first().getAttribute("id");
    await log.evaluate((view) => (view.scrollTop = 0));
    await page.waitForFunction(
      (before) =>
        document.querySelector(".beginning") || document.querySelector(".message").id !== before,
      first,
    );
  }
  await log.evaluate((view) => (view.scrollTop = 0));
  await page.getByText("Note 1.", { exact: true }).waitFor();
}

async function finds() {
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("searchbox").fill("favourite beer");
  await page
    .getByRole("button", { name: /Jump to what/ })
    .first()
    .click();
  await page.locator(".message.lit").waitFor();
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  assert.deepEqual(await violations(page), []);
}

try {
  for (const step of [opens, talks, looksBehind, reacts, comesBack, finds]) {
    await step().catch((error) => {
      error.message = `while the person ${step.name}: ${error.message}`;
      throw error;
    });
  }
  assert.deepEqual(wrong, []);
} catch (error) {
  console.log(
    error.stack,
    wrong,
    await page
      .locator("body")
      .innerText()
      .catch(() => ""),
  );
  process.exitCode = 1;
}
await browser.close();
