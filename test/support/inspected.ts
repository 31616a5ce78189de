import { expect } from "vitest";
import { STATUS_OF } from "../../src/actor/error-codes.ts";
import { AnswerSchemas } from "./answer-schemas.ts";
import type { ErrorBody } from "./api.ts";
import type { OpenApiDocument } from "./conformity.ts";
import { type Operation, operationAt, operationsOf } from "./operations.ts";
import { type Answer, type Sent, send } from "./wire.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Every call to a server through it is held against the server's own OpenAPI document and the rules of the envelope. */
export class Inspected {
  readonly url: string;
  readonly operations: readonly Operation[];
  /** `POST /api/v1/tasks 201`: what was answered so far. */
  readonly seen = new Set<string>();
  readonly #schemas: AnswerSchemas;

  constructor(url: string, document: OpenApiDocument) {
    this.url = url;
    this.operations = operationsOf(document);
    this.#schemas = new AnswerSchemas(document);
  }

  /** Sends it; throws, naming request and answer, if the answer is none that the document and the spec allow. */
  async send<Body>(sent: Sent): Promise<Answer<Body>> {
    const answer = await send<Body>(this.url, sent);
    try {
      this.#inspect(sent, answer);
    } catch (thrown) {
      const { status, headers, body } = answer;
      const text = JSON.stringify({
        sent: { ...sent, body: String(sent.body).slice(0, 2_000) },
        status,
        headers,
        body,
      });
      throw new Error(`${thrown instanceof Error ? thrown.message : thrown}\nin ${text}`);
    }
    return answer;
  }

  #inspect({ method, path }: Sent, { status, headers, body }: Answer): void {
    const [pathname = ""] = path.split("?");
    const operation = operationAt(this.operations, method, pathname);
    expect(status).toBeLessThan(500);
    expect(headers["x-request-id"]).toMatch(UUID);
    if (operation === undefined) expect([404, 405], "no such operation is documented").toContain(status);
    else this.#expectDocumented(operation, status, headers["content-type"], body);
    if (status >= 400) expectEnvelope(status, headers["x-request-id"], body, operation);
    if (operation !== undefined) this.seen.add(`${method} ${operation.template} ${status}`);
  }

  #expectDocumented({ method, template, answers }: Operation, status: number, type: unknown, body: unknown): void {
    const answer = answers.get(status);
    expect(answer, `a status that ${method} ${template} is not documented with`).toBeDefined();
    const media = answer?.media ?? [];
    const [given = ""] = String(type ?? "").split(";");
    if (type !== undefined || media.length > 0) expect(media).toContain(given);
    if (given !== "application/json") {
      expect(body).toBeUndefined();
      return;
    }
    const place = ["paths", template, method.toLowerCase(), "responses", String(status), "content", "application/json"];
    expect(this.#schemas.wrong([...place, "schema"], body)).toEqual([]);
  }
}

function expectEnvelope(status: number, requestId: unknown, body: unknown, operation: Operation | undefined): void {
  const { error } = body as ErrorBody;
  expect(Object.keys(body as ErrorBody)).toEqual(["error"]);
  expect(["code", "message", "details", "request_id", "timestamp"]).toEqual(expect.arrayContaining(Object.keys(error)));
  expect(error.message).not.toBe("");
  expect(error.request_id).toBe(requestId);
  expect(error.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const code = error.code as keyof typeof STATUS_OF;
  expect([code, STATUS_OF[code]]).toEqual([code, status]);
  if (operation !== undefined) {
    const codes = operation.answers.get(status)?.description.split(", ");
    expect(codes, "the codes documented for this status").toContain(code);
  }
  if (code === "VALIDATION_ERROR") {
    const { details } = error;
    expect(details).toMatchObject({ field: expect.any(String), issue: expect.any(String), issues: expect.any(Array) });
  }
}
