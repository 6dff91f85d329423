// A hundred and fifty requests, as a day brings them: with credentials of every kind.
const { HTTP, SESSION_USER } = process.env;
const headers = { authorization: `Bearer ${SESSION_USER}`, cookie: `session=${SESSION_USER}`, "x-api-key": SESSION_USER };
for (let round = 0; round < 150; round += 1) {
  const answer = await fetch(`${HTTP}/search?q=invoice`, { headers: round % 3 === 2 ? {} : headers });
  await answer.text();
}
