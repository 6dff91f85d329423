// Starts a program with words as they are, and input on its standard input. No shell reads them.

import { spawnSync } from "node:child_process";

export function run(program, words, { input, standIn } = {}) {
  const [file, all] = standIn ? [process.execPath, [`local/${program}.mjs`, ...words]] : [program, words];
  const { status, stdout, error } = spawnSync(file, all, { input, encoding: "utf8", stdio: ["pipe", "pipe", "inherit"] });
  if (error || status !== 0) throw new Error(`${program} ${words.slice(0, 2).join(" ")} failed`);
  return stdout;
}
