import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { startServer } from "../support/server.ts";

// In workerd the validator cannot run: it compiles schemas to code.
test("what a server serves as /openapi.json is a valid OpenAPI 3.1 document", async () => {
  const server = await startServer();
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Record<string, unknown>;
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  // Every reference in it leads somewhere.
  expect(() => validator.resolveRefs()).not.toThrow();

  const broken = { ...document, paths: { "/api/v1/me": { get: { responses: "none" } } } };
  expect((await new Validator().validate(broken)).valid).toBe(false);
  await server.end();
});
