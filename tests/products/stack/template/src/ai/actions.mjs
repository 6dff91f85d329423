// What a model proposes is not done: it is held against lists, summed up for a person, and only then handed on.
export function propose(workflow, tools, action, allowed) {
  const listed = tools.workflows[workflow]?.tools ?? [];
  if (!listed.includes(action.tool)) return { refused: "tool" };
  for (const [name, value] of Object.entries(action.arguments ?? {})) {
    const known = allowed[name];
    if (!known || !known.includes(value)) return { refused: name };
  }
  const told = Object.entries(action.arguments ?? {}).map(([name, value]) => `${name} ${value}`);
  return { summary: `${action.tool}: ${told.join(", ")}`, run: false };
}
