// Node with fetch: a change, a wrong password, an unknown outcome and its resolution.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";

const SIDECAR = process.env.SIDECAR ?? "http://127.0.0.1:8788";
const SANDBOX = process.env.SANDBOX ?? "http://127.0.0.1:8787";
const CHANGES = "/v1/providers/portal/password-changes";
const ALICE = "a11ce000-0000-4000-8000-000000000001";

async function post(url, body, headers = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(35_000),
  });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}

// Sends a change; on a timeout, retries it with the same key.
async function changePassword(change) {
  const key = { "Idempotency-Key": randomUUID() };
  for (let sent = 0; sent < 3; sent++) {
    try {
      return await post(SIDECAR + CHANGES, change, key);
    } catch (error) {
      if (error.name !== "TimeoutError") throw error;
    }
  }
  throw new Error("the sidecar did not respond");
}

const [first, second] = [1, 2].map(() => `Node-Passw0rd-${randomBytes(4).toString("hex")}`);

const applied = await changePassword({ user: ALICE, new_password: first });
assert.equal(applied.status, 200);
console.log("changed:", applied.body.effect);

const refused = await changePassword({ user: ALICE, current_password: "not this one", new_password: second });
assert.equal(refused.status, 403);
console.log(`refused: ${refused.body.code}, ${refused.body.effect}`);

// The portal applies the next change, but its response is lost.
await post(SANDBOX + "/_sandbox/faults", {
  match: { provider: "identity" },
  action: { when: "after-apply", cut: { at: "answer", how: "fin" } },
});
const change = { user: ALICE, current_password: first, new_password: second };
const unknown = await changePassword(change);
assert.equal(unknown.status, 409);
assert.equal(unknown.body.effect, "unknown");
console.log("unknown:", unknown.body.code);

const { href, attempt } = unknown.body.resolution;
const settled = await post(SIDECAR + href, { ...change, attempt });
assert.equal(settled.status, 200);
assert.equal(settled.body.resolution, "in_place");
console.log("settled:", settled.body.resolution);
