import { DEADLOCK_STRATEGIES } from "../../deadlocks/victim.ts";
import { StartFailure } from "./start-failure.ts";

/** An environment, as `process.env` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the server listens and keeps its state. */
export interface Settings {
  readonly host: string;
  /** 0 lets the system choose a free port. */
  readonly port: number;
  /** As given: relative to the working directory, or absolute. */
  readonly stateDir: string;
  /** Where workerd's inspector listens, for DevTools and profiles; undefined: nowhere. */
  readonly inspectorPort?: number;
}

/** The smallest ROOT_TOKEN the worker accepts, in characters (spec 02, Authentication). */
const ROOT_TOKEN_LENGTH = 32;

/**
 * Reads HOST, PORT, STATE_DIR and INSPECTOR_PORT. An empty variable counts as absent.
 * @throws StartFailure naming the variable and what it takes
 */
export function readSettings(env: Environment): Settings {
  return {
    host: env.HOST || "127.0.0.1",
    port: wholeNumber("PORT", env.PORT || "8787", 65_535),
    stateDir: env.STATE_DIR || ".state",
    ...(env.INSPECTOR_PORT && { inspectorPort: wholeNumber("INSPECTOR_PORT", env.INSPECTOR_PORT, 65_535) }),
  };
}

/**
 * The worker's variables: those that wrangler.toml (or .dev.vars) declares, each overridden by the environment variable of
 * the same name; a variable that is declared nowhere stays out, so that the rest of the environment never reaches the worker.
 * A rate limit of 0 switches all limits off (spec 02, Rate limits): then both read "0".
 * @throws StartFailure naming the variable that is not valid and what it takes
 */
export function overrideVars<Value>(
  declared: Readonly<Record<string, Value>>,
  env: Environment,
): Record<string, Value | string> {
  const vars: Record<string, Value | string> = {};
  for (const [name, value] of Object.entries(declared)) vars[name] = env[name] || value;
  for (const name of ["ROOT_TOKEN", ...Object.keys(LIMITED_BY)]) if (env[name]) vars[name] = env[name];

  const token = vars.ROOT_TOKEN;
  if (typeof token !== "string" || token.length < ROOT_TOKEN_LENGTH)
    throw new StartFailure(`ROOT_TOKEN must have at least ${ROOT_TOKEN_LENGTH} characters`);

  for (const name of COUNTS) if (vars[name] !== undefined) wholeNumber(name, String(vars[name]));
  const strategy = vars.DEADLOCK_STRATEGY;
  if (strategy !== undefined && !DEADLOCK_STRATEGIES.some((known) => known === strategy))
    throw new StartFailure(
      `DEADLOCK_STRATEGY must be one of ${DEADLOCK_STRATEGIES.join(", ")}, not ${JSON.stringify(strategy)}`,
    );

  const limits = Object.keys(LIMITED_BY).filter((name) => vars[name] !== undefined);
  const off = limits.map((name) => wholeNumber(name, String(vars[name]))).includes(0);
  if (off) for (const name of Object.keys(LIMITED_BY)) vars[name] = "0";
  return vars;
}

/** A rate-limiting binding's literal: `limit` calls per `period` seconds. */
export interface RateLimit {
  readonly simple: { readonly limit: number; readonly period?: number | undefined };
}

/**
 * The rate-limiting bindings of wrangler.toml, READS and WRITES with the limits of `vars` (calls per 60 s). Limits that are off
 * leave the bindings as they are: the worker does not ask them.
 */
export function overrideRateLimits<Limit extends RateLimit>(
  declared: Readonly<Record<string, Limit>>,
  vars: Readonly<Record<string, unknown>>,
): Record<string, Limit> {
  const limits: Record<string, Limit> = { ...declared };
  for (const [name, binding] of Object.entries(LIMITED_BY)) {
    const rate = limits[binding];
    const limit = Number(vars[name] ?? 0);
    if (rate && limit > 0) limits[binding] = { ...rate, simple: { limit, period: 60 } };
  }
  return limits;
}

/** Variables that the worker reads as numbers. */
const COUNTS = ["LOCK_QUEUE_MAX", "APPROVAL_BACKLOG", "HUB_SHARDS"];

/** Which binding each variable limits. */
const LIMITED_BY = { RATE_LIMIT_READS: "READS", RATE_LIMIT_WRITES: "WRITES" };

function wholeNumber(name: string, text: string, most = 1_000_000_000): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw new StartFailure(`${name} must be a whole number from 0 to ${most}, not ${JSON.stringify(text)}`);
}
