import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tenants } from "../tenants/index.mjs";

const schema = JSON.parse(readFileSync(new URL("../tenants/tenant.schema.json", import.meta.url), "utf8"));

test("every tenant's file has the members that the schema knows", () => {
  for (const tenant of tenants) {
    for (const name of schema.required) assert.ok(name in tenant, `${tenant.id}: ${name}`);
    for (const name of Object.keys(tenant)) assert.ok(name in schema.properties, `${tenant.id}: ${name}`);
  }
});
