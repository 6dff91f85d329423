// What is kept, and in which form. Every text that is not on the list of docs/security.md is sealed before it is written.
import { randomUUID } from "node:crypto";
import { generateKey, hashKey } from "./api-keys.mjs";
import { Vault, newDataKey } from "./vault.mjs";

const now = () => new Date().toISOString();

export class Store {
  #db;
  #masterKey;

  constructor(db, masterKey) {
    this.#db = db;
    this.#masterKey = masterKey;
  }

  #run(sql, ...binds) {
    return this.#db.prepare(sql).bind(...binds).run();
  }

  #first(sql, ...binds) {
    return this.#db.prepare(sql).bind(...binds).first();
  }

  async #all(sql, ...binds) {
    return (await this.#db.prepare(sql).bind(...binds).all()).results;
  }

  // Accounts

  async createAccount() {
    const id = randomUUID();
    const dataKey = newDataKey(this.#masterKey);
    await this.#run("INSERT INTO data_keys (id, wrapped, created_at) VALUES (?, ?, ?)", dataKey.id, dataKey.wrapped, now());
    await this.#run("INSERT INTO accounts (id, data_key_id, created_at) VALUES (?, ?, ?)", id, dataKey.id, now());
    return { id };
  }

  async #vault(account) {
    const sql = "SELECT data_keys.* FROM data_keys JOIN accounts ON accounts.data_key_id = data_keys.id WHERE accounts.id = ?";
    return new Vault(this.#masterKey, await this.#first(sql, account));
  }

  // Keys

  async issueKey(account, { type, permissions, label, scopes = [] }, key = generateKey(type)) {
    const id = randomUUID();
    const vault = await this.#vault(account);
    await this.#run(
      "INSERT INTO api_keys (id, account_id, key_hash, type, permissions, label_encrypted, scopes_encrypted, revoked, created_at, updated_at)" +
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
      id,
      account,
      hashKey(key),
      type,
      permissions,
      vault.seal("label", id, label),
      type === "system" ? vault.seal("scopes", id, JSON.stringify(scopes)) : null,
      now(),
      now(),
    );
    return { id, key };
  }

  /** The key that a caller shows, if it is known and not revoked. */
  async authenticate(key) {
    const row = await this.#first("SELECT * FROM api_keys WHERE key_hash = ? AND revoked = 0", hashKey(key));
    return row ? this.#readKey(await this.#vault(row.account_id), row) : null;
  }

  async listKeys(account) {
    const vault = await this.#vault(account);
    const rows = await this.#all("SELECT * FROM api_keys WHERE account_id = ? ORDER BY created_at, id", account);
    return rows.map((row) => this.#readKey(vault, row));
  }

  async revokeKey(account, id) {
    const sql = "UPDATE api_keys SET revoked = 1, updated_at = ? WHERE account_id = ? AND id = ?";
    return (await this.#run(sql, now(), account, id)).meta.changes === 1;
  }

  async removeKey(account, id) {
    return (await this.#run("DELETE FROM api_keys WHERE account_id = ? AND id = ?", account, id)).meta.changes === 1;
  }

  #readKey(vault, row) {
    return {
      id: row.id,
      account: row.account_id,
      type: row.type,
      permissions: row.permissions,
      label: vault.open("label", row.id, row.label_encrypted),
      scopes: row.scopes_encrypted ? JSON.parse(vault.open("scopes", row.id, row.scopes_encrypted)) : [],
      revoked: row.revoked === 1,
      created_at: row.created_at,
    };
  }

  // Projects and environments

  async createProject(account, name, environments = ["dev", "prod"]) {
    const id = randomUUID();
    await this.#run(
      "INSERT INTO projects (id, account_id, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
      id, account, name, now(), now(),
    );
    for (const environment of environments) {
      await this.#run(
        "INSERT INTO environments (id, project_id, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
        randomUUID(), id, environment, now(), now(),
      );
    }
    return { id, name };
  }

  listProjects(account) {
    return this.#all("SELECT id, name, created_at, updated_at FROM projects WHERE account_id = ? ORDER BY name", account);
  }

  async removeProject(account, id) {
    // D1 counts the rows that go along.
    return (await this.#run("DELETE FROM projects WHERE account_id = ? AND id = ?", account, id)).meta.changes > 0;
  }

  /** The environment of this name; none in another account. */
  environment(account, project, name) {
    const sql =
      "SELECT environments.id FROM environments JOIN projects ON projects.id = environments.project_id" +
      " WHERE projects.account_id = ? AND projects.name = ? AND environments.name = ?";
    return this.#first(sql, account, project, name);
  }

  // Secrets

  async writeSecret(account, environment, name, value) {
    const vault = await this.#vault(account);
    const id = randomUUID();
    await this.#run(
      "INSERT INTO secrets (id, environment_id, name_index, name_encrypted, value_encrypted, created_at, updated_at)" +
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
      id,
      environment,
      vault.index(environment, name),
      vault.seal("name", id, name),
      vault.seal("value", id, value),
      now(),
      now(),
    );
    return { id };
  }

  async changeSecret(account, environment, id, value) {
    const vault = await this.#vault(account);
    const sql = "UPDATE secrets SET value_encrypted = ?, updated_at = ? WHERE environment_id = ? AND id = ?";
    return (await this.#run(sql, vault.seal("value", id, value), now(), environment, id)).meta.changes === 1;
  }

  async removeSecret(environment, id) {
    return (await this.#run("DELETE FROM secrets WHERE environment_id = ? AND id = ?", environment, id)).meta.changes === 1;
  }

  async listSecrets(account, environment) {
    const vault = await this.#vault(account);
    const rows = await this.#all("SELECT * FROM secrets WHERE environment_id = ? ORDER BY created_at, id", environment);
    return rows.map((row) => ({ id: row.id, name: vault.open("name", row.id, row.name_encrypted), updated_at: row.updated_at }));
  }

  async readSecret(account, environment, id) {
    const row = await this.#first("SELECT * FROM secrets WHERE environment_id = ? AND id = ?", environment, id);
    if (!row) return null;
    const vault = await this.#vault(account);
    return {
      id: row.id,
      name: vault.open("name", row.id, row.name_encrypted),
      value: vault.open("value", row.id, row.value_encrypted),
      updated_at: row.updated_at,
    };
  }
}
