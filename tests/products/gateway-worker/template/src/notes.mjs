// Notes: the text in the bucket, the title in the database, an embedding by the platform's own binding.

import { checkBody, text } from "./checks.mjs";
import { log } from "./log.mjs";

const NOTE = { title: text(200), text: text(20_000) };

export async function answerNote(request, env, context) {
  const note = await checkBody(request, NOTE);
  const id = crypto.randomUUID();
  const { data } = await env.AI.run("@cf/baai/bge-small-en-v1.5", { text: [note.text] });
  await env.FILES.put(`notes/${context.tenant}/${id}.json`, JSON.stringify({ ...note, embedding: data[0] }));
  const insert = env.DB.prepare("INSERT INTO notes (id, tenant, title, created_at) VALUES (?, ?, ?, ?)");
  await insert.bind(id, context.tenant, note.title, new Date().toISOString()).run();
  log(context, "noted", { environment: env.ENVIRONMENT });
  return Response.json({ id }, { status: 201 });
}
