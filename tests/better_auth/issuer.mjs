// A real Better Auth on a free loopback port, its data in memory, for tests that talk to it as a browser does.
//
//   node issuer.mjs '{"alg": "ES256"}'    with the settings of settings.mjs; `{}` for its defaults
//   node issuer.mjs                       with the jwt plugin as it comes, whose keys also sign a session cookie
//
// Prints its URL. Then each line of JSON on standard input is done, and answered by a line of JSON:
//
//   {"age": 60}                   its signing keys get a minute older
//   {"sign": "…", "ago": 60}      a token of the user with that id, as it would have been given a minute ago
//
// Ends with its input.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { randomBytes } from "node:crypto";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import { taskApiTokens } from "./settings.mjs";

const [settings] = process.argv.slice(2).map((text) => JSON.parse(text));

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
  // Members of the user whose names are those of claims, which whoever signs up may choose.
  user: { additionalFields: { exp: { type: "number", required: false }, aud: { type: "string", required: false } } },
  session: { cookieCache: { enabled: !settings, strategy: "jwt" } },
  plugins: [settings ? taskApiTokens({ issuer, ...settings }) : jwt({ sessionCookieCache: true })],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
});
handle = toNodeHandler(auth);
console.log(JSON.stringify(issuer));

for await (const line of createInterface({ input: process.stdin })) {
  const { age, sign, ago } = JSON.parse(line);
  for (const key of age ? tables.jwks : []) {
    for (const time of ["createdAt", "expiresAt"]) key[time] = new Date(key[time].getTime() - age * 1000);
  }
  const payload = { sub: sign, iat: Math.floor(Date.now() / 1000) - ago };
  console.log(JSON.stringify(sign ? (await auth.api.signJWT({ body: { payload } })).token : null));
}
process.exit(0);
