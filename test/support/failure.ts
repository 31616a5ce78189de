/** Refusals as every route gives them (02-http-and-auth, "Errors"), and the worker under bindings that make it give some. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { STATUS_OF } from "../../src/actor/error-codes.ts";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import type { Answer, ErrorBody, Serve } from "./api.ts";

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The worker under other bindings than the deployed ones. */
export function under(changes: Partial<Record<keyof Env, unknown>>): Serve {
  const bindings = { ...env, ...changes } as Env;
  return async (request) => worker.fetch(request, bindings, createExecutionContext());
}

/** Fails unless an answer is this refusal, in the one envelope; answers what is in it. */
export function expectFailure(answer: Answer<unknown>, code: keyof typeof STATUS_OF): ErrorBody["error"] {
  const { error } = answer.body as ErrorBody;
  expect([answer.status, error.code]).toEqual([STATUS_OF[code], code]);
  expect(Object.keys(answer.body as ErrorBody)).toEqual(["error"]);
  const known = ["code", "message", "details", "request_id", "timestamp"];
  expect(Object.keys(error).filter((field) => !known.includes(field))).toEqual([]);
  expect(error.message.length).toBeGreaterThan(3);
  expect(error.request_id).toMatch(UUID);
  expect(error.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(answer.headers.get("X-Request-Id")).toBe(error.request_id);
  expect(answer.headers.get("Content-Type")).toContain("application/json");
  return error;
}
