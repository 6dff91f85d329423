// Looks at a served site with a real browser, as its readers do.
//
// usage: node pages.mjs TOOLS CHROMIUM BASE_URL FOLDER PATH_PREFIX
//
// TOOLS is the folder with node_modules (tests/setup.sh makes it), FOLDER the published folder that BASE_URL serves, and
// PATH_PREFIX limits what is looked at ("" is all of it). Every page is loaded on a small screen; one page of each type is
// looked at in both colour schemes and both widths with axe-core, and once more without JavaScript. Prints one JSON object:
// what was looked at, and every problem with the page and the checker that found it. Problems are data: the exit code is 0
// once the looking is done, and the caller judges.

import { createRequire } from "node:module";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const [tools, chromiumPath, base, folder, prefix] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(tools), "package.json"));
const { chromium } = require("playwright-core");
const { HtmlValidate } = require("html-validate");
const axeSource = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const WIDTHS = [320, 1280];
const SCHEMES = ["light", "dark"];
const VIEWS = SCHEMES.flatMap((colorScheme) => WIDTHS.map((width) => ({ colorScheme, width })));
// A translation has the same markup and style; its words are longer, and each view costs a second.
const VIEWS_TRANSLATED = [VIEWS[0], VIEWS[3]];
const HEIGHT = 900;
const REQUESTS_MAX = 3;
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// A page that says less than this says nothing.
const TEXT_MIN = 40;

const problems = [];
const report = (page, checker, what) => problems.push({ page, checker, what });

const pages = htmlFiles(folder, "").filter((page) => page.startsWith(prefix)).sort();
validate();

// Root cannot use the sandbox of chromium, and containers rarely can. Only the site under test is loaded.
const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const seen = new Map();
let views = 0;
await sharedOut(pages, smallScreen);
const types = representatives();
await sharedOut([...types.values()], async () => everyView);
await browser.close();
links();

const looked = { pages: pages.length, types: Object.fromEntries(types), views };
console.log(JSON.stringify({ looked, problems }));

/** Shares the pages out among so many lookers as there are processors; `begin` makes what one of them does with a page. */
async function sharedOut(all, begin) {
  const waiting = all.values();
  const looker = async () => {
    const look = await begin();
    for (const page of waiting) await look(page);
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, looker));
}

/** Every HTML file beneath a folder, relative to it. */
function htmlFiles(root, below) {
  return fs.readdirSync(path.join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const at = path.posix.join(below, entry.name);
    if (entry.isDirectory()) return htmlFiles(root, at);
    return entry.name.endsWith(".html") ? [at] : [];
  });
}

/** html-validate on every page. */
function validate() {
  const validator = new HtmlValidate({
    root: true,
    extends: ["html-validate:recommended", "html-validate:a11y"],
    rules: {
      // Digests, keys and titles are as long as they are.
      "long-title": "off",
      // Ids of the frame begin with `_`, so that none of a product's own can be the same.
      "valid-id": ["error", { relaxed: true }],
      // Void elements are written as HTML has them.
      "void-style": ["error", { style: "omit" }],
    },
  });
  for (const page of pages) {
    const { results } = validator.validateStringSync(fs.readFileSync(path.join(folder, page), "utf8"));
    for (const result of results) {
      for (const message of result.messages) {
        report(page, "html-validate", `${message.ruleId}: ${message.message} (line ${message.line}, column ${message.column})`);
      }
    }
  }
}

/** One page of each type: the longest of them, for whatever can go wrong goes wrong there first. */
function representatives() {
  const longest = new Map();
  for (const page of pages) {
    const facts = seen.get(page);
    if (!facts) continue;
    const kept = longest.get(facts.type);
    if (!kept || seen.get(kept).text.length < facts.text.length) longest.set(facts.type, page);
  }
  return longest;
}

/** What type of page this is: by its place, and for evidence by what its heading says. */
function typeOf(page, heading) {
  const parts = page.split("/");
  if (parts[0] === "e") return `evidence: ${heading.replace(/ [0-9a-f]{12}$/, "")}`;
  const below = parts.slice(1, -1);
  const place = below.length > 1 ? `one of ${below[0]}` : (below[0] ?? "overview");
  return parts.length > 1 ? `${parts[0]}: ${place}` : page;
}

/** A small screen on which pages are loaded: requests, console, sideways scrolling, links. */
async function smallScreen() {
  const context = await browser.newContext({ viewport: { width: WIDTHS[0], height: HEIGHT } });
  const tab = await context.newPage();
  let current = "";
  // By address: the browser may ask twice when a kept connection was closed under it.
  const requests = new Set();
  tab.on("console", (message) => {
    if (message.type() === "error") report(current, "console", message.text());
  });
  tab.on("pageerror", (error) => report(current, "console", String(error)));
  tab.on("request", (request) => {
    requests.add(request.url());
    if (!request.url().startsWith(base)) report(current, "third-party", request.url());
  });
  return async (page) => {
    current = page;
    requests.clear();
    const answer = await tab.goto(`${base}/${page}`, { waitUntil: "load" });
    if (!answer.ok()) report(page, "status", String(answer.status()));
    const policy = answer.headers()["content-security-policy"] ?? "";
    if (!policy.includes("default-src 'none'") || policy.includes("unsafe")) report(page, "policy", `content-security-policy: ${policy}`);
    const facts = await tab.evaluate(() => ({
      title: document.querySelector("h1")?.textContent.trim() ?? "",
      text: document.body.innerText,
      ids: [...document.querySelectorAll("[id]")].map((element) => element.id),
      links: [...document.querySelectorAll("a[href], link[href]")].map((element) => element.href),
      loads: [...document.querySelectorAll("script, iframe, img, object, embed, video, audio, link[rel~=stylesheet], link[rel~=icon]")]
        .map((element) => element.src || element.href || element.data || `inline ${element.localName}`),
      width: document.documentElement.scrollWidth,
    }));
    facts.type = typeOf(page, facts.title);
    seen.set(page, facts);
    for (const load of facts.loads) if (!load.startsWith(`${base}/`)) report(page, "third-party", load);
    // What the browser had already is counted as well: for somebody this page is the first.
    const needed = Math.max(requests.size, facts.loads.length + 1);
    if (needed > REQUESTS_MAX) report(page, "requests", `${needed}`);
    if (facts.width > WIDTHS[0]) report(page, "sideways", `${facts.width} pixels wide on a screen of ${WIDTHS[0]}`);
  };
}

function viewsOf(page) {
  return page.startsWith("fr/") ? VIEWS_TRANSLATED : VIEWS;
}

/** Both schemes, both widths; then without JavaScript. */
async function everyView(page) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  await tab.goto(`${base}/${page}`, { waitUntil: "load" });
  // Through the debugging protocol, which the page's own policy does not bind.
  await tab.evaluate(axeSource);
  for (const { colorScheme, width } of viewsOf(page)) {
    await tab.emulateMedia({ colorScheme });
    await tab.setViewportSize({ width, height: HEIGHT });
    const view = `${colorScheme}, ${width}`;
    const options = { runOnly: TAGS, resultTypes: ["violations"] };
    const { violations, passes } = await tab.evaluate((asked) => globalThis.axe.run(document, asked), options);
    for (const violation of violations) {
      const [node] = violation.nodes;
      report(page, "axe", `${violation.id} (${view}, ${violation.nodes.length}): ${node.html.slice(0, 160)} ${node.failureSummary ?? ""}`);
    }
    if (passes.length === 0) report(page, "axe", `nothing was examined (${view})`);
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) report(page, "sideways", `${wide} pixels wide (${view})`);
    views += 1;
  }
  await context.close();
  const plain = await browser.newContext({ javaScriptEnabled: false, viewport: { width: WIDTHS[0], height: HEIGHT } });
  const without = await plain.newPage();
  await without.goto(`${base}/${page}`, { waitUntil: "load" });
  const text = await without.evaluate(() => document.querySelector("main")?.innerText ?? "");
  if (text.trim().length < TEXT_MIN) report(page, "no-script", `${text.trim().length} characters without JavaScript`);
  await plain.close();
}

/** Every link inside leads to a file, and its fragment to an element. */
function links() {
  for (const [page, facts] of seen) {
    for (const link of facts.links) {
      if (!link.startsWith(base)) continue;
      const url = new URL(link);
      let target = decodeURIComponent(url.pathname).replace(/^\//, "");
      if (target === "" || target.endsWith("/")) target += "index.html";
      if (!fs.existsSync(path.join(folder, target)) || !fs.statSync(path.join(folder, target)).isFile()) {
        report(page, "link", link);
      } else if (url.hash && target.endsWith(".html")) {
        const ids = seen.get(target)?.ids;
        if (ids && !ids.includes(decodeURIComponent(url.hash.slice(1)))) report(page, "link", `${link}: no such element`);
      }
    }
  }
}
