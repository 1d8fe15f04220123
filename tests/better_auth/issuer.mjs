// A real Better Auth with its jwt plugin as it comes, on a free loopback port and with its data in memory.
// Signs one user up over HTTP and prints a line of JSON: issuer, user id, token, session token. For each line on
// standard input it forgets its signing keys, so that it makes a new one, and prints again. Ends with its input.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { randomBytes } from "node:crypto";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";

let handle;
const server = createServer((request, response) => handle(request, response));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const tables = { user: [], session: [], account: [], verification: [], jwks: [] };
const auth = betterAuth({
  baseURL: issuer,
  secret: randomBytes(32).toString("hex"),
  database: memoryAdapter(tables),
  emailAndPassword: { enabled: true },
  plugins: [jwt()],
  telemetry: { enabled: false },
});
handle = toNodeHandler(auth);

const signedUp = await fetch(`${issuer}/api/auth/sign-up/email`, {
  method: "POST",
  headers: { "Content-Type": "application/json", Origin: issuer },
  body: JSON.stringify({ name: "Älice 例", email: "alice@example.com", password: randomBytes(16).toString("hex") }),
});
if (!signedUp.ok) throw new Error(`sign-up answered ${signedUp.status}: ${await signedUp.text()}`);
const cookie = signedUp.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
const { user, token: session } = await signedUp.json();

async function show() {
  const answer = await fetch(`${issuer}/api/auth/token`, { headers: { Cookie: cookie } });
  if (!answer.ok) throw new Error(`token answered ${answer.status}: ${await answer.text()}`);
  const { token } = await answer.json();
  console.log(JSON.stringify({ issuer, user: user.id, token, session }));
}

await show();
for await (const _ of createInterface({ input: process.stdin })) {
  tables.jwks.length = 0;
  await show();
}
process.exit(0);
