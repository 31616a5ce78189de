import { describe, expect, it } from "vitest";
import type { Result } from "../actor/result.ts";
import type { Plan } from "../audit/plan.ts";
import { type TokenCommand, type TokenFacts, tokenPlanner } from "./tokens.ts";

const NOW = "2026-11-20T12:00:00.000Z";
const HASH = "5f".repeat(32);
const principal = { kind: "agent", id: "robo" } as const;
const active: TokenFacts = { principal: { active: true }, known: true };

function plan(command: TokenCommand, facts = active): Result<Plan> {
  return tokenPlanner.plan(command, facts, NOW);
}

function create(scopes: readonly string[] | null = null, expires_in_seconds: number | null = null): TokenCommand {
  return { do: "create", principal, token: { token_id: "t-1", hash: HASH }, scopes, expires_in_seconds };
}

const revoke: TokenCommand = { do: "revoke", principal, token_id: "t-1" };

describe("a new token", () => {
  it("never expires and is as wide as the roles unless asked otherwise", () => {
    const result = plan(create());
    expect(result).toMatchObject({
      ok: true,
      value: { changes: [{ row: { scopes: null, expires_at: null, hash: HASH } }] },
    });
    expect(result.ok && result.value.answer).toStrictEqual({ token_id: "t-1", created_at: NOW });
  });

  it("expires that many seconds from now, and has its limits in the answer and in the trail", () => {
    const result = plan(create(["tasks:read"], 60));
    const limits = { scopes: ["tasks:read"], expires_at: "2026-11-20T12:01:00.000Z" };
    expect(result).toMatchObject({
      ok: true,
      value: {
        changes: [{ put: "tokens", row: { ...limits, principal_kind: "agent", principal_id: "robo" } }],
        happenings: [
          { action: "token.created", subject_type: "token", subject_id: "t-1", details: { principal, ...limits } },
        ],
        answer: { token_id: "t-1", ...limits },
      },
    });
  });

  it("has its hash in no answer and in no trail", () => {
    const result = plan(create(["tasks:read"], 60));
    if (!result.ok) throw new Error("it was refused");
    expect(JSON.stringify([result.value.answer, result.value.happenings])).not.toContain(HASH);
  });

  it("is for somebody who is there and active", () => {
    expect(plan(create(), { ...active, principal: { active: false } })).toMatchObject({
      error: { code: "INVALID_STATE" },
    });
    expect(plan(create(), { ...active, principal: null })).toMatchObject({ error: { code: "AGENT_NOT_FOUND" } });
    const forUser: TokenCommand = { ...revoke, principal: { kind: "user", id: "ada" } };
    expect(plan(forUser, { ...active, principal: null })).toMatchObject({ error: { code: "USER_NOT_FOUND" } });
  });
});

describe("a revoked token", () => {
  it("is gone, and the trail says whose it was", () => {
    expect(plan(revoke)).toMatchObject({
      ok: true,
      value: {
        changes: [{ remove: "tokens", token_id: "t-1" }],
        happenings: [{ action: "token.revoked", subject_type: "token", subject_id: "t-1", details: { principal } }],
      },
    });
  });

  it("can be that of somebody inactive", () => {
    expect(plan(revoke, { principal: { active: false }, known: true }).ok).toBe(true);
  });

  it("must be one that this principal has", () => {
    expect(plan(revoke, { ...active, known: false })).toMatchObject({ error: { code: "TOKEN_NOT_FOUND" } });
  });
});
