// Asks for the name of what is about to be lost: a yes that is typed without reading is none.

import { createInterface } from "node:readline/promises";

export async function confirmed(name, ask = atTerminal) {
  return (await ask(`Type ${name} to go on: `)).trim() === name;
}

async function atTerminal(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}
