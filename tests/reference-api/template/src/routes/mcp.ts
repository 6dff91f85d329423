// The preview for agents: a tool that words a task for the host's model.

import { refuse } from "../errors";

// What hosts mark roles, turns and results with.
const RESERVED = /<\|[a-z_]{1,24}\|>|\[\/?INST\]|<<\/?SYS>>|<(?:start|end)_of_turn>|<\/?tool_result>/g;

// Again until nothing changes: what stands apart may come together once something between is gone.
export function clean(text: string): string {
  const cleaned = text.replace(RESERVED, "");
  return cleaned === text ? text : clean(cleaned);
}

export async function mcp(request: Request): Promise<Response> {
  if (request.method !== "POST") return refuse(405, "METHOD_NOT_ALLOWED");
  const { id, params } = (await request.json()) as { id: unknown; params: { arguments: { topic: string; reader: string } } };
  const { topic, reader } = params.arguments;
  const text = `Summarise the interactions of the past week about: ${clean(topic)}\nWrite for: ${clean(reader)}\n`;
  return Response.json({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: false } });
}
