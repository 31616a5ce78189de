/** What went wrong, for people and for programs: what, why, and what to do next. */
import { type CountersignError, isCountersignError } from "../../client/index.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import type { Paint } from "./paint.ts";
import { plainLine } from "./plain-text.ts";

/** Something that the command itself found wrong. */
export class CliFailure extends Error {
  override readonly name = "CliFailure";
  readonly code: string;
  readonly exit: number;
  /** What to do next. */
  readonly advice: string | undefined;

  constructor(code: string, exit: number, message: string, advice?: string) {
    super(message);
    this.code = code;
    this.exit = exit;
    this.advice = advice;
  }
}

/** The command line or its input is wrong. */
export function usage(message: string, advice?: string): CliFailure {
  return new CliFailure("USAGE", EXIT.usage, message, advice);
}

export interface ToldFailure {
  readonly code: string;
  readonly message: string;
  readonly exit_code: number;
  readonly request_id?: string;
  readonly details?: unknown;
  readonly advice?: string;
}

/** @returns undefined for what is no expected failure: a bug, whose stack is wanted */
export function toldFailure(thrown: unknown): ToldFailure | undefined {
  if (thrown instanceof CliFailure) {
    const { code, message, exit, advice } = thrown;
    return { code, message, exit_code: exit, ...(advice !== undefined && { advice }) };
  }
  if (!isCountersignError(thrown)) return undefined;
  const advice = adviceOn(thrown);
  return {
    code: thrown.code,
    message: thrown.message,
    exit_code: exitCodeOf(thrown.code),
    ...(thrown.request_id !== undefined && { request_id: thrown.request_id }),
    ...(thrown.details !== undefined && { details: thrown.details }),
    ...(advice !== undefined && { advice }),
  };
}

/** Two or three lines for stderr. */
export function failureLines({ code, message, request_id, advice }: ToldFailure, paint: Paint): string {
  const reference = request_id === undefined ? code : `${code}, request ${request_id}`;
  const first = `${paint("red", "error:")} ${plainLine(message)} ${paint("dim", `(${plainLine(reference)})`)}`;
  return advice === undefined ? first : `${first}\n  ${paint("cyan", "→")} ${plainLine(advice)}`;
}

function adviceOn(error: CountersignError): string | undefined {
  const details = error.details ?? {};
  switch (error.code) {
    case "VALIDATION_ERROR":
      return unsaid(error.message, issuesOf(details)) ?? "see `--help` for what it takes";
    case "UNAUTHENTICATED":
      return "`countersign login` stores a token that works; COUNTERSIGN_TOKEN goes before it";
    case "FORBIDDEN":
      return "`countersign whoami` shows the roles and scopes of your token";
    case "SELF_APPROVAL":
      return "somebody else has to decide: `countersign delegate` hands it on";
    case "SECOND_APPROVER_REQUIRED":
      return "another admin has to confirm it";
    case "TASK_NOT_FOUND":
      return "`countersign task ls` shows those that there are; ids belong to one workspace";
    case "APPROVAL_NOT_FOUND":
      return "`countersign inbox` shows what waits for you";
    case "LOCK_NOT_FOUND":
    case "LOCK_EXPIRED":
      return "the lease is over; `countersign lock ls` shows who holds it now";
    case "AGENT_NOT_FOUND":
      return "`countersign agent ls` shows those that there are";
    case "INVALID_STATE":
      return typeof details.state === "string"
        ? `it is ${details.state}: \`countersign task show\` says why`
        : undefined;
    case "APPROVAL_ALREADY_RESOLVED":
      return "`countersign inbox` shows what is still open";
    case "REVISION_CONFLICT":
    case "PRECONDITION_FAILED":
      return "it was edited meanwhile: look at it again, then decide";
    case "BATCH_FAILED":
      return "none of them was decided; --continue-on-error decides those that can be";
    case "RESOURCE_LOCKED":
      return `${heldBy(details)}; wait longer with --wait SECONDS`;
    case "DEADLOCK_DETECTED":
      return "everything was released: run it again; `countersign lock graph` shows who waits for whom";
    case "RATE_LIMITED":
    case "QUEUE_FULL":
      return `try again in ${Math.max(1, Math.ceil(error.retry.after_ms / 1000))} s`;
    case "NETWORK_ERROR":
    case "TIMEOUT":
    case "UNAVAILABLE":
    case "UNEXPECTED_ANSWER":
      return "`countersign doctor` finds out what is wrong";
    default:
      return undefined;
  }
}

/** What the message does not say already. */
function unsaid(message: string, text: string | undefined): string | undefined {
  return text === undefined || message.includes(text) ? undefined : text;
}

function issuesOf({ issues, field, issue }: Readonly<Record<string, unknown>>): string | undefined {
  const all = Array.isArray(issues) ? (issues as readonly { field?: unknown; issue?: unknown }[]) : [{ field, issue }];
  const told = all.flatMap((one) => (typeof one.field === "string" ? [`${one.field}: ${String(one.issue)}`] : []));
  return told.length === 0 ? undefined : told.join("; ");
}

function heldBy({ holder }: Readonly<Record<string, unknown>>): string {
  const named = holder as { agent_id?: unknown; purpose?: unknown } | undefined;
  if (typeof named?.agent_id !== "string") return "`countersign lock ls` shows who holds it";
  return typeof named.purpose === "string"
    ? `${named.agent_id} holds it: ${named.purpose}`
    : `${named.agent_id} holds it`;
}
