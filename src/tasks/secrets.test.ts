import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findPlaintextSecrets, MASK, maskSecrets, namesSecret } from "./secrets.ts";

const find = (value: unknown, ...references: string[]) => findPlaintextSecrets(value, new Set(references), "", 100);

describe("keys that name a secret", () => {
  it.each([
    ...["password", "token", "secret", "private_key", "api_key", "PASSWORD", "Token", "passwords", "secrets"],
    ...[
      "db_password",
      "DB_PASSWORD",
      "dbPassword",
      "DBPassword",
      "dbpassword",
      "passWord",
      "password1",
      "PASSWORDHash",
    ],
    ...[
      "apiKey",
      "APIKey",
      "APIKEY",
      "apikey",
      "x-api-key",
      "api key",
      "api.key",
      "ＡＰＩ＿ｋｅｙ",
      "my_api_keys",
      "apiKeyV2",
    ],
    ...["privateKey", "private-key", "PrivateKeyPem", "tls.privateKey", "client_secret", "secretValue", "OAuthToken2"],
    ...["access_token", "token_ttl", "max_tokens", "refreshToken"],
  ])("%s", (key) => expect(namesSecret(key)).toBe(true));
});

describe("keys that do not", () => {
  it.each([
    ...["tokenizer", "tokenise", "secretary", "secretion", "passwordless", "passport", "pass", "word", "key", "keys"],
    ...["public_key", "apikeeper", "api", "private", "monkey", "", "秘密", "fencing_token", "token_id", "api_monkey"],
  ])("%s", (key) => expect(namesSecret(key)).toBe(false));
});

describe("plaintext secrets", () => {
  it("are found at any depth, once per outermost key, as JSON pointers", () => {
    const value = {
      db: [{ password: "hunter2" }, { user: "x" }],
      auth: { token: { inner: { password: "a" }, other: "b" } },
      "odd/~key": { apiKey: 12345678 },
    };
    expect(find(value)).toEqual(["/db/0/password", "/auth/token", "/odd~1~0key/apiKey"]);
  });

  it("are not references that the task lists, but are everything else, alone or among references", () => {
    const path = "vault://prod/db#password";
    expect(find({ password: path }, path)).toEqual([]);
    expect(find({ password: path })).toEqual(["/password"]);
    expect(find({ password: `${path} ` }, path)).toEqual(["/password"]);
    expect(find({ tokens: [path, path] }, path)).toEqual([]);
    expect(find({ tokens: [path, "hunter2"] }, path)).toEqual(["/tokens"]);
  });

  it("are not null, true, false, the empty text or empty containers, which hold nothing", () => {
    expect(find({ password: null, token: true, secret: false, api_key: "", private_key: {}, secrets: [[]] })).toEqual(
      [],
    );
  });

  it("are numbers under the name of a secret, but not settings and counts around one", () => {
    expect(find({ password: 1234, db_token: 0, apiKey2: 7 })).toEqual(["/password", "/db_token", "/apiKey2"]);
    expect(find({ max_tokens: 4096, token_ttl: 60, password_min_length: 12, fencing_token: 17 })).toEqual([]);
    expect(find({ token_settings: { password: 1234 } })).toEqual(["/token_settings"]);
    expect(find({ password_policy: "hunter2" })).toEqual(["/password_policy"]);
  });

  it("are not the attributes of a resource because of its key", () => {
    expect(find({ "secret:prod/db-password": { rotation: "daily" } })).toEqual([]);
    expect(find({ "secret:prod/db": { password: "hunter2" } })).toEqual(["/secret:prod~1db/password"]);
    expect(find({ "secret:prod/db": "hunter2" })).toEqual(["/secret:prod~1db"]);
  });

  it("are listed up to the limit", () => {
    const many = Array.from({ length: 500 }, () => ({ password: "x" }));
    expect(findPlaintextSecrets(many, new Set(), "", 100)).toHaveLength(100);
  });

  it("are found under keys that make backtracking expressions explode", () => {
    const key = `${"aA".repeat(60_000)}Password`;
    expect(find({ [key]: "x", [`${"A".repeat(120_000)}a`]: "x" })).toEqual([`/${key}`]);
  });
});

describe("masking for the audit trail", () => {
  it("masks what would give a secret away, as a whole, and nothing else", () => {
    const details = { fencing_token: 3, token_id: "t1", db: { password: "hunter2", user: "x" }, tokens: { ghp: "y" } };
    expect(maskSecrets(details)).toEqual({
      fencing_token: 3,
      token_id: "t1",
      db: { password: MASK, user: "x" },
      tokens: MASK,
    });
  });

  it("shows references where the task's references are told", () => {
    const config = { secrets: ["vault://a"], parameters: { password: "vault://a", token: "plain" } };
    expect(maskSecrets(config, config.secrets)).toEqual({
      secrets: ["vault://a"],
      parameters: { password: "vault://a", token: MASK },
    });
    expect(maskSecrets(config)).toEqual({ secrets: MASK, parameters: { password: MASK, token: MASK } });
  });

  it("keeps a key called __proto__ as it is, and masks below it", () => {
    const masked = maskSecrets(JSON.parse('{"__proto__":{"password":"hunter2"}}'));
    expect(JSON.stringify(masked)).toBe(`{"__proto__":{"password":"${MASK}"}}`);
  });

  it("leaves nothing that would still be found, and changes nothing else", () => {
    const key = fc.constantFrom("password", "api_key", "token_ttl", "max_tokens", "a", "b", "secret:x");
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>("text", 1, null, true, "", MASK),
        fc.dictionary(key, tie("node"), { maxKeys: 4 }),
        fc.array(tie("node"), { maxLength: 3 }),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (value) => {
        const masked = maskSecrets(value);
        expect(find(masked, MASK)).toEqual([]);
        expect(maskSecrets(masked)).toEqual(masked);
        if (find(value).length === 0) expect(masked).toEqual(value);
      }),
      { numRuns: 1000 },
    );
  });
});
