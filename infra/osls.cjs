// A plugin of serverless.yml, which does for each function what SAM's template does: a role of its own, which may write
// its own log and read the secret that its line names (`reads`), and nothing else; and a bound of its concurrency.
"use strict";

const SECRETS = ["DATABASE_SECRET_ID", "DATABASE_SECRET_ID_JOBS"];

module.exports = class Own {
  constructor(serverless) {
    this.service = serverless.service;
    this.naming = serverless.getProvider("aws").naming;
    serverless.configSchemaHandler.defineFunctionProperties("aws", { properties: { reads: { enum: SECRETS } } });
    this.hooks = {
      "before:package:initialize": () => Object.entries(this.service.functions).forEach(([name, one]) => this.give(name, one)),
      "before:deploy:deploy": () => this.refuseWithoutSecrets(),
    };
  }

  give(name, one) {
    const [log, role] = [this.naming.getLogGroupLogicalId(name), `${this.naming.getNormalizedFunctionName(name)}Role`];
    const may = [allow(["logs:CreateLogStream", "logs:PutLogEvents"], { "Fn::GetAtt": [log, "Arn"] })];
    const secret = one.reads && { ...this.service.provider.environment, ...one.environment }[one.reads];
    if (secret) may.push(reading(secret));
    this.service.resources.Resources[role] = {
      Type: "AWS::IAM::Role",
      Properties: {
        AssumeRolePolicyDocument: document({
          Effect: "Allow",
          Principal: { Service: "lambda.amazonaws.com" },
          Action: "sts:AssumeRole",
        }),
        Policies: [{ PolicyName: "own", PolicyDocument: document(...may) }],
      },
    };
    one.role = role;
    const bound = Number(this.service.custom.reservedConcurrency);
    one.reservedConcurrency = bound < 0 ? undefined : (one.reservedConcurrency ?? bound);
  }

  // osls writes variables into the template, so it takes no URL: it stays in the secret, and a function without one
  // could not start.
  refuseWithoutSecrets() {
    const missing = SECRETS.filter((name) => !process.env[name]);
    if (missing.length) throw new Error(`${missing.join(", ")}: name the secrets, a URL would stand in the template`);
  }
};

const document = (...statements) => ({ Version: "2012-10-17", Statement: statements });
const allow = (actions, resource) => ({ Effect: "Allow", Action: actions, Resource: resource });

// Secrets Manager ends an ARN with six random characters; an id without them does not tell them.
function reading(secret) {
  const [, , service] = secret.split(":");
  if (secret.startsWith("arn:")) return allow([service === "ssm" ? "ssm:GetParameter" : "secretsmanager:GetSecretValue"], secret);
  const of = (store, place) => ({ "Fn::Sub": `arn:\${AWS::Partition}:${store}:\${AWS::Region}:\${AWS::AccountId}:${place}` });
  if (secret.startsWith("/")) return allow(["ssm:GetParameter"], of("ssm", `parameter${secret}`));
  return allow(["secretsmanager:GetSecretValue"], of("secretsmanager", `secret:${secret}-??????`));
}
