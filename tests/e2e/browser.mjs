// What the tests in a browser share. $TROUPE_NPM has playwright-core and axe-core; $TROUPE_CHROMIUM
// names another Chromium than Debian's.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const kRoot = resolve(fileURLToPath(import.meta.url), "../../..");
const kNpm = process.env.TROUPE_NPM ?? join(kRoot, "build/npm");
const require = createRequire(join(kNpm, "node_modules/"));
export const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const kBuilt = process.env.TROUPE_PAGE ?? join(kRoot, "build/release/share/troupe/page");
export const kDeadlineMs = 15_000; // of every wait: for an event, never for a time

// Chromium's own sandbox needs rights that containers do not give; the pages are ours.
export const launch = () =>
  chromium.launch({
    executablePath: process.env.TROUPE_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });

// The serious violations of the page as it stands, as lines that name the place.
export async function violations(page) {
  await page.evaluate(axe); // over the debugger's door, which the page's policy does not guard
  const { violations: found } = await page.evaluate(() => window.axe.run());
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(
        (node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary.replaceAll("\n", " ")}`,
      ),
    );
}

// All that went wrong in the page without anybody asking: errors, refused content, foreign hosts.
export function complaints(page, origin, expected = []) {
  const found = [];
  page.on("pageerror", (error) => found.push(`error: ${error.stack}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !expected.some((part) => text.includes(part))) {
      found.push(`console: ${text}`);
    }
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) found.push(`foreign request: ${request.url()}`);
  });
  return found;
}
