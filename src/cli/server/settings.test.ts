import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { overrideRateLimits, overrideVars, readSettings } from "./settings.ts";

const token = "x".repeat(32);

describe("where the server listens", () => {
  test("is 127.0.0.1:8787 with its state in .state unless the environment says otherwise", () => {
    const usual = { host: "127.0.0.1", port: 8787, stateDir: ".state" };
    expect(readSettings({})).toEqual(usual);
    expect(readSettings({ HOST: "", PORT: "", STATE_DIR: "" })).toEqual(usual);
    expect(readSettings({ HOST: "::1", PORT: "0", STATE_DIR: "/var/lib/countersign" })).toEqual({
      host: "::1",
      port: 0,
      stateDir: "/var/lib/countersign",
    });
  });

  test("is refused, by name, if the port is no port", () => {
    for (const PORT of ["abc", "-1", "65536", "80.5", "1e3", "0x50", " 80", "８０", "99999999999999999999", "NaN"])
      expect(() => readSettings({ PORT })).toThrow(/^PORT must be a whole number from 0 to 65535, not "/);
    expect(readSettings({ PORT: "65535" }).port).toBe(65_535);
  });
});

describe("the worker's variables", () => {
  test("are those declared, each overridden by the environment variable of the same name", () => {
    const declared = { ROOT_TOKEN: token, LOCK_QUEUE_MAX: "1000", DEADLOCK_STRATEGY: "abort_youngest" };
    const vars = overrideVars(declared, { LOCK_QUEUE_MAX: "5", DEADLOCK_STRATEGY: "", HOME: "/root", AWS_SECRET: "s" });
    expect(vars).toEqual({ ROOT_TOKEN: token, LOCK_QUEUE_MAX: "5", DEADLOCK_STRATEGY: "abort_youngest" });
  });

  test("never hold anything of the environment that was not declared", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,12}$/), fc.string()), (env) => {
        const { ROOT_TOKEN: _, RATE_LIMIT_READS: _r, RATE_LIMIT_WRITES: _w, ...rest } = env;
        expect(Object.keys(overrideVars({ ROOT_TOKEN: token, A: "a" }, rest)).sort()).toEqual(["A", "ROOT_TOKEN"]);
      }),
    );
  });

  test("take ROOT_TOKEN from the environment before .dev.vars, and refuse one of fewer than 32 characters", () => {
    expect(overrideVars({}, { ROOT_TOKEN: token })).toEqual({ ROOT_TOKEN: token });
    expect(overrideVars({ ROOT_TOKEN: token }, { ROOT_TOKEN: `${token}y` })).toEqual({ ROOT_TOKEN: `${token}y` });
    const refusal = /^ROOT_TOKEN must have at least 32 characters$/;
    expect(() => overrideVars({ ROOT_TOKEN: token }, { ROOT_TOKEN: token.slice(1) })).toThrow(refusal);
    expect(() => overrideVars({ ROOT_TOKEN: "short" }, {})).toThrow(refusal);
    expect(() => overrideVars({}, {})).toThrow(refusal);
  });

  test("switch all rate limits off when one is 0, however it is written", () => {
    const declared = { ROOT_TOKEN: token, RATE_LIMIT_READS: "6000", RATE_LIMIT_WRITES: "3000" };
    const off = { ROOT_TOKEN: token, RATE_LIMIT_READS: "0", RATE_LIMIT_WRITES: "0" };
    expect(overrideVars(declared, { RATE_LIMIT_READS: "0" })).toEqual(off);
    expect(overrideVars(declared, { RATE_LIMIT_WRITES: "000" })).toEqual(off);
    expect(overrideVars(declared, { RATE_LIMIT_WRITES: "7" })).toEqual({ ...declared, RATE_LIMIT_WRITES: "7" });
  });

  test("refuse a rate limit that is no whole number", () => {
    for (const RATE_LIMIT_READS of ["-1", "many", "1.5", "Infinity"])
      expect(() => overrideVars({ ROOT_TOKEN: token }, { RATE_LIMIT_READS })).toThrow(/^RATE_LIMIT_READS must be/);
  });

  test("refuse what the worker could not read, instead of passing it over", () => {
    const declared = {
      ROOT_TOKEN: token,
      LOCK_QUEUE_MAX: "1000",
      DEADLOCK_STRATEGY: "abort_youngest",
      HUB_SHARDS: "4",
    };
    expect(() => overrideVars(declared, { LOCK_QUEUE_MAX: "many" })).toThrow(/^LOCK_QUEUE_MAX must be/);
    expect(() => overrideVars(declared, { HUB_SHARDS: "-1" })).toThrow(/^HUB_SHARDS must be/);
    expect(() => overrideVars({ ...declared, APPROVAL_BACKLOG: "x" }, {})).toThrow(/^APPROVAL_BACKLOG must be/);
    expect(() => overrideVars(declared, { DEADLOCK_STRATEGY: "oldest" })).toThrow(
      /one of abort_youngest, abort_shortest/,
    );
    const set = { LOCK_QUEUE_MAX: "5", DEADLOCK_STRATEGY: "abort_shortest" };
    expect(overrideVars(declared, set)).toEqual({ ...declared, ...set });
  });
});

test("rate limits of the environment become the literal limits of the bindings; others stay as declared", () => {
  const limit = (calls: number) => ({ namespace_id: String(calls), simple: { limit: calls, period: 60 } });
  const declared = { READS: limit(6000), WRITES: limit(3000), ADDRESSES: limit(60) };
  expect(overrideRateLimits(declared, { RATE_LIMIT_READS: "10", RATE_LIMIT_WRITES: "3000" })).toEqual({
    ...declared,
    READS: { namespace_id: "6000", simple: { limit: 10, period: 60 } },
  });
  expect(overrideRateLimits(declared, { RATE_LIMIT_READS: "0", RATE_LIMIT_WRITES: "0" })).toEqual(declared);
  expect(overrideRateLimits({}, { RATE_LIMIT_READS: "10" })).toEqual({});
});
