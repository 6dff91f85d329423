// Writes which commit is deployed, as a static asset beside the Worker.
import { mkdirSync, writeFileSync } from "node:fs";
mkdirSync("data/assets/.well-known", { recursive: true });
writeFileSync("data/assets/.well-known/release.json", JSON.stringify({ commit: process.env.COMMIT }));
