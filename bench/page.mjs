// How fast the page is there, and how much comes over the wire for it:
//
//   node bench/page.mjs [http://127.0.0.1:6020] [--runs 9] [--lines 0]
//
// against a running hub; each run in a fresh profile, without a cache. First contentful paint as
// Chromium itself reports it; bytes as they were sent, headers included. With --lines a person asks
// Peter so often: the time from the Enter key to his line in the page, which is the stack's own with
// delays_scale 0 and a message_limit of the hub that does not hold his bot back. Prints JSON.
import { launch } from "../tests/e2e/browser.mjs";

const given = process.argv.slice(2);
const number = (flag, otherwise) =>
  given.includes(flag) ? Number(given[given.indexOf(flag) + 1]) : otherwise;
const runs = number("--runs", 9);
const lines = number("--lines", 0);
const origin = given.find((argument) => argument.startsWith("http")) ?? "http://127.0.0.1:6020";

async function measure(browser) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const kinds = new Map();
  let bytes = 0;
  let files = 0;
  session.on("Network.responseReceived", ({ requestId, type }) => kinds.set(requestId, type));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    bytes += encodedDataLength;
    if (!["Fetch", "XHR"].includes(kinds.get(requestId))) files += encodedDataLength;
  });
  await page.goto(origin);
  await page.getByRole("log").waitFor();
  const [paint, usable] = await page.evaluate(() => [
    performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    performance.now(),
  ]);
  await context.close();
  return { paint, usable, bytes, files };
}

const kQuestions = [
  "Peter, what is your favourite beer?",
  "Peter, where do you work?",
  "Peter, who is your best friend?",
  "Peter, what do you drive?",
];

// Settles when another line of Peter's stands in the page; counts from the next Enter.
const nextLine = () =>
  new Promise((resolve) => {
    const his = () => [...document.querySelectorAll('.message[aria-label^="Peter"]')];
    const known = new Set(his().map(({ id }) => id));
    let asked = 0;
    addEventListener("keydown", () => (asked = performance.now()), { capture: true, once: true });
    new MutationObserver((_, observer) => {
      if (!his().some(({ id }) => !known.has(id))) return;
      observer.disconnect();
      resolve(performance.now() - asked);
    }).observe(document.body, { childList: true, subtree: true });
  });

async function answers(browser) {
  const page = await browser.newPage();
  await page.goto(origin);
  const box = page.getByRole("combobox", { name: /^Message / });
  const times = [];
  for (let i = 0; i < lines; i += 1) {
    await box.fill(kQuestions[i % kQuestions.length]);
    const shown = page.evaluate(nextLine);
    await page.evaluate(() => undefined); // so that the page watches before the key is pressed
    await box.press("Enter");
    times.push(await shown);
  }
  await page.close();
  return times;
}

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const browser = await launch();
await measure(browser); // Chromium's own first time
const found = [];
for (let run = 0; run < runs; run += 1) found.push(await measure(browser));
const times = await answers(browser);
await browser.close();
const of = (name) => middle(found.map((one) => one[name]));
console.log(
  JSON.stringify({
    runs,
    first_contentful_paint_ms: Math.round(of("paint")),
    first_contentful_paint_ms_max: Math.round(Math.max(...found.map(({ paint }) => paint))),
    conversation_shown_ms: Math.round(of("usable")),
    transferred_kb: Math.round(of("bytes") / 102.4) / 10,
    files_kb: Math.round(of("files") / 102.4) / 10,
    ...(lines > 0 && {
      lines,
      line_p50_ms: Math.round(middle(times)),
      line_max_ms: Math.round(Math.max(...times)),
    }),
  }),
);
