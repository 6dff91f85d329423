// The part of Cloudflare's REST API that avouch speaks, over a real D1: one path, one answer for all statements of a request.

const TOKENS = { "token-reads": "reads", "token-edits": "edits" };

const say = (status, body) => Response.json({ result: [], success: false, errors: [], messages: [], ...body }, { status });
const refuse = (status, code, message) => say(status, { errors: [{ code, message }] });

// What the binding's own `batch` sends, which gives rows without names and what they cost.
async function run(env, statements) {
  const answer = await env.DB.fetcher.fetch("http://d1/query?resultsFormat=ROWS_AND_COLUMNS", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(statements.map(({ sql, params = [] }) => ({ sql, params }))),
  });
  const results = await answer.json();
  if (!answer.ok || results.error) throw new Error(results.error ?? `status ${answer.status}`);
  return Array.isArray(results) ? results : [results];
}

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    const { batch } = await request.json();
    try {
      if (path === "/test/sql") return Response.json(await run(env, batch));
      const found = path.match(/^\/client\/v4\/accounts\/([0-9a-f]{32})\/d1\/database\/([0-9a-f-]{36})\/raw$/);
      if (!found || found[1] !== env.ACCOUNT) return refuse(404, 7003, "Could not route to your request");
      if (found[2] !== env.DATABASE) return refuse(404, 7404, `The database ${found[2]} could not be found`);
      if (!TOKENS[request.headers.get("authorization")?.replace(/^Bearer /, "")]) return refuse(401, 10000, "Authentication error");
      // Texts are all that its contract takes.
      for (const { sql, params = [] } of batch) {
        if (params.length > 100) return refuse(400, 7500, "too many SQL variables: SQLITE_ERROR");
        if (sql.length > 100_000) return refuse(400, 7500, "statement too long: SQLITE_TOOBIG");
        if (!params.every((each) => typeof each === "string")) return refuse(400, 7400, "params must be texts");
      }
      const parts = request.headers.get("x-test-apart") ? batch.map((one) => [one]) : [batch];
      const result = [];
      for (const part of parts) result.push(...(await run(env, part)));
      return say(200, { result, success: true });
    } catch (error) {
      return refuse(400, 7500, String(error.message).replace(/^D1_ERROR: /, ""));
    }
  },
};
