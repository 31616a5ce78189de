/** A draft out of flags and a file: flags go before what the file says. */
import type { Schema } from "../../client/index.ts";
import { usage } from "../terminal/told-failure.ts";
import { isObject } from "./json-input.ts";

export interface DraftFlags {
  readonly type?: string;
  readonly description?: string;
  readonly resource?: readonly string[];
  readonly param?: readonly string[];
  readonly secret?: readonly string[];
  readonly priority?: number;
  readonly rollback?: string;
  readonly timeout?: number;
  readonly maxAttempts?: number;
  readonly executor?: string;
  readonly team?: string;
  readonly ticket?: string;
  readonly tag?: readonly string[];
}

/**
 * @param file what a file holds: `{ config, metadata }`, or a config alone
 * @param caller who files it; the author, unless the file names another
 * @returns what the server is to judge: it is complete in form only
 */
export function draftOf(flags: DraftFlags, file: unknown, caller: { readonly id: string }): Schema<"CreateTask"> {
  const told = file ?? {};
  if (!isObject(told)) throw usage("a draft is a JSON object: { config, metadata } or a config alone");
  const whole = "config" in told || "metadata" in told ? told : { config: told };
  const config = {
    ...objectIn(whole, "config"),
    ...configOf(flags, objectIn(objectIn(whole, "config"), "parameters")),
  };
  const metadata = {
    author_id: caller.id,
    author_name: caller.id,
    ...objectIn(whole, "metadata"),
    ...metadataOf(flags),
  };
  if (typeof config.type !== "string") throw usage("a task needs a type", "--type config.change, or in the file");
  // The contract is checked by the server, which names every field that is wrong.
  return { ...whole, config, metadata } as Schema<"CreateTask">;
}

function objectIn(within: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const value = within[name] ?? {};
  if (!isObject(value)) throw usage(`${name} must be a JSON object`);
  return value;
}

function configOf(flags: DraftFlags, parameters: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    ...(flags.type !== undefined && { type: flags.type }),
    ...(flags.description !== undefined && { description: flags.description }),
    ...(flags.resource !== undefined && { resources: flags.resource.map(resourceOf) }),
    ...(flags.param !== undefined && {
      parameters: { ...parameters, ...Object.fromEntries(flags.param.map(parameterOf)) },
    }),
    ...(flags.secret !== undefined && { secrets: flags.secret }),
    ...(flags.priority !== undefined && { priority: flags.priority }),
    ...(flags.rollback !== undefined && { rollback_strategy: flags.rollback }),
    ...(flags.timeout !== undefined && { timeout_seconds: flags.timeout }),
    ...(flags.maxAttempts !== undefined && { max_attempts: flags.maxAttempts }),
    ...(flags.executor !== undefined && { executor: { kind: "webhook", url: flags.executor } }),
  };
}

function metadataOf({ team, ticket, tag }: DraftFlags): Record<string, unknown> {
  return {
    ...(team !== undefined && { team }),
    ...(ticket !== undefined && { ticket_ref: ticket }),
    ...(tag !== undefined && { tags: tag }),
  };
}

/** `database:prod/orders=write,delete` → what a task touches, and what it does to it (default: write). */
export function resourceOf(text: string): Record<string, unknown> {
  const [, type, key, actions = "write"] = /^([a-z]+):([^=]+)(?:=(.+))?$/.exec(text) ?? [];
  if (type === undefined || key === undefined) {
    throw usage(`${text} is no resource`, "write it as TYPE:ID or TYPE:NAMESPACE/ID, then =read,write,delete,execute");
  }
  const slash = key.indexOf("/");
  const named = slash > 0 ? { namespace: key.slice(0, slash), id: key.slice(slash + 1) } : { id: key };
  return { type, ...named, actions: actions.split(",") };
}

/** `replicas=3` → 3, `name=web` → "web": JSON if it is JSON, else text. */
function parameterOf(text: string): [string, unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw usage(`${text} is no parameter`, "write it as NAME=VALUE");
  return [text.slice(0, at), jsonOrText(text.slice(at + 1))];
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
