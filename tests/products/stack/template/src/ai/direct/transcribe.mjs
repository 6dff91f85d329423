// Voice messages: the gateway has no route for this provider yet. See registers/ai-exceptions.toml.
export async function transcribe(env, audio) {
  const answer = await (env.FETCH ?? fetch)("https://api.deepgram.com/v1/listen", {
    method: "POST",
    headers: { authorization: `Token ${env.DEEPGRAM_API_KEY}` },
    body: audio,
  });
  return (await answer.json()).results;
}
