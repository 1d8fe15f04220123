// A short session with a running server, through the client that openapi-typescript makes of its /openapi.json:
//   node build/session.js <base URL> <token>
// Prints a line for each step; the first answer that is not as the contract says ends it with an exception.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";

import type { components, paths } from "./build/schema.js";

type Task = components["schemas"]["Task"];

const [, , baseUrl, token] = process.argv;
assert(baseUrl && token, "usage: node build/session.js <base URL> <token>");
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

async function create(title: string, key: string): Promise<{ task: Task; response: Response }> {
  const { data, response } = await api.POST("/v1/tasks", {
    params: { header: { "Idempotency-Key": key } },
    body: { title, priority: "high", due: { datetime: "2026-03-01T09:00:00", timezone: "Europe/Berlin" } },
  });
  assert.equal(response.status, 201);
  assert(data);
  return { task: data, response };
}

const key = randomUUID();
const { task, response: created } = await create("Buy milk", key);
const etag = created.headers.get("ETag");
assert(etag);
assert.equal(created.headers.get("Location"), `/v1/tasks/${task.id}`);
assert.deepEqual(task.due, { datetime: "2026-03-01T09:00:00", timezone: "Europe/Berlin" });
console.log("created");

const { task: same, response: replayed } = await create("Buy milk", key);
assert.deepEqual(same, task);
assert.equal(replayed.headers.get("Idempotency-Replayed"), "true");
console.log("replayed");

const path = { task_id: task.id };
const got = await api.GET("/v1/tasks/{task_id}", { params: { path } });
assert.deepEqual(got.data, task);
const unchanged = await api.GET("/v1/tasks/{task_id}", { params: { path, header: { "If-None-Match": etag } } });
assert.equal(unchanged.response.status, 304);
console.log("got, then not modified");

const patch = { params: { path, header: { "If-Match": etag } }, body: { due: null } };
const updated = await api.PATCH("/v1/tasks/{task_id}", patch);
assert.equal(updated.response.status, 200);
assert.equal(updated.data?.due, null);
assert.equal(updated.data.title, "Buy milk");
const stale = await api.PATCH("/v1/tasks/{task_id}", patch);
assert.equal(stale.response.status, 412);
assert(stale.error && "current" in stale.error);
assert.deepEqual(stale.error.current, updated.data);
console.log("updated, then refused as stale");

const wrong = await api.POST("/v1/tasks", { body: { title: "" } });
assert.equal(wrong.response.status, 422);
assert(wrong.error && "errors" in wrong.error);
assert.deepEqual(
  wrong.error.errors.map((each) => ("pointer" in each ? each.pointer : each.parameter)),
  ["/title"],
);
console.log("refused by its member");

const ids = [task.id];
for (const title of ["Pay rent", "Call Ada", "Water the plants", "Take pills"]) {
  ids.unshift((await create(title, randomUUID())).task.id);
}
const seen: string[] = [];
let cursor: string | null = null;
do {
  const query: { limit: number; cursor?: string } = cursor === null ? { limit: 2 } : { limit: 2, cursor };
  const page: { data?: components["schemas"]["TaskPage"] } = await api.GET("/v1/tasks", { params: { query } });
  assert(page.data);
  seen.push(...page.data.items.map((each) => each.id));
  cursor = page.data.next_cursor;
} while (cursor !== null);
assert.deepEqual(seen, ids); // the newest first
console.log("listed by pages");

const completed = await api.POST("/v1/tasks/{task_id}/complete", { params: { path } });
assert(completed.data?.completed_at);
const open = await api.GET("/v1/tasks", { params: { query: { completed: false, priority: ["high", "urgent"] } } });
assert.equal(open.data?.items.length, ids.length - 1);
const reopened = await api.POST("/v1/tasks/{task_id}/reopen", { params: { path } });
assert.equal(reopened.data?.completed_at, null);
console.log("completed and reopened");

const own = { task_id: randomUUID() };
const put = await api.PUT("/v1/tasks/{task_id}", { params: { path: own }, body: { title: "An id of my own" } });
assert.equal(put.response.status, 201);
const unconditional = await api.PUT("/v1/tasks/{task_id}", { params: { path: own }, body: { title: "Once more" } });
assert.equal(unconditional.response.status, 428);
console.log("replaced under an id of its own");

const deleted = await api.DELETE("/v1/tasks/{task_id}", { params: { path } });
assert.equal(deleted.response.status, 204);
const gone = await api.GET("/v1/tasks/{task_id}", { params: { path } });
assert.equal(gone.response.status, 404);
assert.equal(gone.error?.instance, gone.response.headers.get("X-Request-Id"));
console.log("deleted");
