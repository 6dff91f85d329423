// Serves worker.mjs on workerd behind a proxy that does wrong when it is told to. Arguments: the account and the database. Writes its port,
// and ends when nobody writes to it any more.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { Miniflare } = createRequire(process.execPath)("miniflare");
const [, , ACCOUNT, DATABASE] = process.argv;
// Modules lie beneath the folder that it runs in.
process.chdir(fileURLToPath(new URL(".", import.meta.url)));
const platform = new Miniflare({
  modules: true,
  scriptPath: "worker.mjs",
  compatibilityDate: "2026-07-01",
  bindings: { ACCOUNT, DATABASE },
  d1Databases: { DB: DATABASE },
  cf: false,
});

// Each holds for some requests whose body has a text: { with, skip, times, wrong }.
let faults = [];
let seen = { requests: 0, rows_read: 0, rows_written: 0 };

function wrongOf(body) {
  const fault = faults.find((each) => each.times > 0 && body.includes(each.with));
  if (!fault) return undefined;
  if (fault.skip > 0) {
    fault.skip -= 1;
    return undefined;
  }
  fault.times -= 1;
  return fault.wrong;
}

const problem = (message) => JSON.stringify({ result: [], success: false, errors: [{ code: 7500, message }], messages: [] });

async function answer(request, body) {
  if (request.url === "/test/faults") {
    faults = JSON.parse(body);
    return [200, "{}"];
  }
  if (request.url === "/test/seen") {
    const all = JSON.stringify(seen);
    seen = { requests: 0, rows_read: 0, rows_written: 0 };
    return [200, all];
  }
  const ours = request.url.startsWith("/test/");
  const wrong = ours ? undefined : wrongOf(body);
  if (!ours) seen.requests += 1;
  if (wrong === "too many requests") return [429, problem("Please wait and consider throttling your request speed"), { "retry-after": "0" }];
  if (wrong === "cpu before") return [400, problem("D1 DB exceeded its CPU time limit and was reset.")];
  if (wrong === "failed before") return [500, problem("Internal error while starting up D1 DB storage caused object to be reset.")];
  if (wrong === "gone before") return undefined;
  if (wrong === "sent on") return [302, "", { location: "http://127.0.0.1:1/" }];
  const headers = { authorization: request.headers.authorization ?? "" };
  if (wrong === "apart") headers["x-test-apart"] = "1";
  const answered = await platform.dispatchFetch(`http://d1${request.url}`, { method: "POST", headers, body });
  const text = await answered.text();
  if (answered.ok && !ours) {
    for (const { meta } of JSON.parse(text).result) {
      seen.rows_read += meta.rows_read;
      seen.rows_written += meta.rows_written;
    }
  }
  if (wrong === "failed after") return [500, problem("Network connection lost.")];
  if (wrong === "gone after") return undefined;
  if (wrong === "half after") return [200, text.slice(0, text.length / 2)];
  return [answered.status, text];
}

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const said = await answer(request, Buffer.concat(parts).toString());
  if (!said) return request.socket.destroy();
  const [status, text, headers = {}] = said;
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
});
await platform.ready;
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.stdin.resume();
process.stdin.once("end", () => platform.dispose().then(() => process.exit()));
