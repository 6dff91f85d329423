// Applies migrations to a database, as `wrangler d1 migrations apply` does, and fills it with two accounts, for development and for
// probes from outside.
import { parseMasterKey } from "../src/master-key.mjs";
import { Store } from "../src/store.mjs";

export async function seed(database, migrations, environment) {
  // D1 takes one statement at a time.
  const statements = migrations.flatMap((sql) => sql.split(/;\s*$/m)).filter((text) => text.trim());
  for (const statement of statements) await database.prepare(statement).run();

  const { MASTER_KEY, PROBE_OWNER, PROBE_READER, PROBE_WRITER, PROBE_OUTSIDER, CANARY_LABEL, CANARY_SCOPE } = environment;
  const store = new Store(database, parseMasterKey(MASTER_KEY));

  const { id: account } = await store.createAccount();
  for (const project of ["atlas", "borealis"]) await store.createProject(account, project);
  const scopes = ["atlas:dev", `${CANARY_SCOPE}:dev`];
  const full = { type: "user", permissions: "full" };
  await store.issueKey(account, { ...full, label: "the owner" }, `kfl_user_${PROBE_OWNER}`);
  await store.issueKey(account, { type: "system", permissions: "read", label: CANARY_LABEL, scopes }, `kfl_sys_${PROBE_READER}`);
  await store.issueKey(account, { type: "system", permissions: "readwrite", label: "pipeline", scopes }, `kfl_sys_${PROBE_WRITER}`);
  const { id: old } = await store.issueKey(account, { ...full, label: "a laptop that is gone" });
  await store.revokeKey(account, old);
  for (const project of ["atlas", "borealis"]) {
    for (const name of ["dev", "prod"]) {
      const { id: environment } = await store.environment(account, project, name);
      await store.writeSecret(account, environment, "DATABASE_URL", `postgres://app@db.${project}.internal/${name}`);
      await store.writeSecret(account, environment, "SMTP_PASSWORD", `not the one of ${project} in ${name}, of course`);
    }
  }

  const { id: stranger } = await store.createAccount();
  await store.createProject(stranger, "cassini");
  await store.issueKey(stranger, { ...full, label: "somebody else" }, `kfl_user_${PROBE_OUTSIDER}`);
}
