import { jwt } from "better-auth/plugins";

const DAY = 24 * 60 * 60;

export const taskApiTokens = ({ issuer, audience = issuer, alg = "EdDSA" }) =>
  jwt({
    jwks: {
      keyPairConfig: { alg }, // one of the API's AUTH_ALGORITHMS
      rotationInterval: 90 * DAY, // after it, the next token brings a new key
      gracePeriod: DAY, // the old key is shown for as long: more than a token lives
    },
    jwt: {
      issuer, // the API's AUTH_ISSUER
      audience, // the API's AUTH_AUDIENCE
      expirationTime: "15m", // so long works the token of a user who signed out
      definePayload: () => ({}), // by default it is the whole user, see below
    },
  });
