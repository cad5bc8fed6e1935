// How fast the page is there, and how much comes over the wire for it:
//
//   node bench/page.mjs [http://127.0.0.1:6020] [--runs 9]
//
// against a running hub; each run in a fresh profile, without a cache. First contentful paint as
// Chromium itself reports it; bytes as they were sent, headers included. Prints JSON.
import { launch } from "../tests/e2e/browser.mjs";

const given = process.argv.slice(2);
const runs = given.includes("--runs") ? Number(given[given.indexOf("--runs") + 1]) : 9;
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

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const browser = await launch();
await measure(browser); // Chromium's own first time
const found = [];
for (let run = 0; run < runs; run += 1) found.push(await measure(browser));
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
  }),
);
