import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isScope, reaches } from "../src/permissions.mjs";

describe("scopes", () => {
  test("a system key reaches its pairs of project and environment only", () => {
    const key = { type: "system", scopes: ["atlas:dev", "borealis:prod"] };
    assert.ok(reaches(key, "atlas", "dev") && reaches(key, "borealis", "prod"));
    assert.ok(!reaches(key, "atlas", "prod") && !reaches(key, "borealis", "dev"));
  });

  test("a scope is a project and an environment", () => {
    assert.ok(isScope("atlas:dev"));
    for (const wrong of ["", "atlas", ":dev", "atlas:", "Atlas:dev", 7, null]) assert.ok(!isScope(wrong), String(wrong));
  });
});
