// Uses the service as a pipeline does, so that there is something in its logs.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";

const { HTTPS, TLS_CA, PROBE_WRITER, PROBE_READER, CANARY_VALUE } = process.env;
const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: readFileSync(TLS_CA) });
const SECRETS = "/v1/projects/atlas/dev/secrets";

function call(method, path, key, body) {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, HTTPS), { method, agent, headers: { authorization: `Bearer kfl_sys_${key}` } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (more) => (text += more));
      answer.on("end", () => resolve(text ? JSON.parse(text) : null));
    });
    // A server may close a connection that was kept, just as it is used again.
    const again = (error) => (sent.reusedSocket && error.code === "ECONNRESET" ? resolve(call(method, path, key, body)) : reject(error));
    sent.on("error", again).end(body && JSON.stringify(body));
  });
}

for (let turn = 0; turn < 8; turn += 1) {
  const { id } = await call("POST", SECRETS, PROBE_WRITER, { name: `TURN_${turn}`, value: CANARY_VALUE });
  for (let read = 0; read < 12; read += 1) await call("GET", `${SECRETS}/${id}`, PROBE_READER);
  await call("PUT", `${SECRETS}/${id}`, PROBE_WRITER, { value: `${CANARY_VALUE}-${turn}` });
  await call("POST", SECRETS, PROBE_READER, { name: "NOT_ALLOWED", value: CANARY_VALUE });
}
agent.destroy();
