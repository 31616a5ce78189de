/** Wire schemas of the audit trail (05-realtime-and-audit, "Audit"). */
import { isUuidShaped } from "../actor/ids.ts";
import { isTime, queryInteger } from "../http/validation.ts";
import { LockedId } from "../locks/contract.ts";
import { Slug } from "../wire.ts";
import { z } from "../zod.ts";

const micros = z.string().openapi({ format: "date-time", example: "2026-11-20T22:46:52.123456Z" });
const hash = z.string().openapi({ description: "hex SHA-256", example: "0".repeat(64) });

/** A row of the trail. `prev_hash` and `hash` link it to the row before it in the chain of its `actor`. */
export const AuditRow = z.lazy(() =>
  z
    .strictObject({
      id: z.number().int(),
      workspace: z.string(),
      actor: z.string(),
      seq: z.number().int(),
      subject_type: z.string(),
      subject_id: z.string(),
      action: z.string(),
      from_state: z.string().optional(),
      to_state: z.string().optional(),
      who: z.strictObject({
        id: z.string(),
        kind: z.enum(["user", "agent", "system"]),
        roles: z.array(z.string()),
        token_id: z.string().optional(),
        session_id: z.string().optional(),
        on_behalf_of: z.string().optional(),
      }),
      at: micros,
      where: z.strictObject({
        ip: z.string().optional(),
        user_agent: z.string().optional(),
        colo: z.string().optional(),
        country: z.string().optional(),
        service: z.string(),
      }),
      why: z.strictObject({ reason: z.string().optional(), ticket_ref: z.string().optional() }).optional(),
      request_id: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
      prev_hash: hash,
      hash,
    })
    .openapi("AuditRow"),
);
export type AuditRow = z.infer<typeof AuditRow>;

/** A UUID of any version, lowered. */
export const Uuid = z
  .string()
  .refine(isUuidShaped, "must be a UUID")
  .transform((text) => text.toLowerCase())
  .openapi({ type: "string", format: "uuid" });

/** No action holds anything else, so a pattern needs no escaping; D1 takes GLOB patterns of at most 50 bytes. */
const actionPattern = z
  .string()
  .regex(/^[a-z_.*]{1,50}$/, "must be 1 to 50 characters out of a-z _ . and *, which stands for any characters")
  .openapi({ example: "task.*" });

/** RFC 3339 to the microsecond, as rows have it; in UTC, so that it compares as text. */
const time = z
  .string()
  .refine((text) => timeOf(text) !== undefined, "must be an RFC 3339 time with at most six fractional digits")
  .transform((text) => timeOf(text) ?? text)
  .openapi({ type: "string", format: "date-time" });

function timeOf(text: string): string | undefined {
  if (!isTime(text)) return undefined;
  const [, fraction = ""] = /\.(\d+)/.exec(text) ?? [];
  const whole = new Date(text.replace(/\.\d+/, "")).toISOString();
  if (fraction.length > 6) return undefined;
  return whole.replace(".000Z", `.${fraction.padEnd(6, "0")}Z`);
}

/** What narrows the trail down; all that is given must hold. */
export const AuditFilters = {
  subject_type: z.string().min(1).max(64).optional(),
  subject_id: z.string().min(1).max(1024).optional(),
  task_id: Uuid.optional().openapi({ description: "the task's own chain, and what names it elsewhere" }),
  who: z.string().min(1).max(128).optional().openapi({ description: "id of who acted" }),
  action: actionPattern.optional(),
  from: time.optional().openapi({ description: "inclusive" }),
  to: time.optional().openapi({ description: "exclusive" }),
  request_id: Uuid.optional(),
};
const filters = z.strictObject(AuditFilters);
export type AuditFilters = z.infer<typeof filters>;

/** What a chain is verified by; a well-formed task id that names no task is a 404, not a 400. */
const Subject = z
  .string()
  .max(1024)
  .refine(
    (subject) => subject === "config" || isSubject(subject),
    "must be config, or task:, resource: or agent: and what it names",
  )
  .openapi({ example: "resource:database:prod/orders" });

function isSubject(subject: string): boolean {
  const colon = subject.indexOf(":");
  const name = subject.slice(colon + 1);
  switch (subject.slice(0, Math.max(colon, 0))) {
    case "task":
      return isUuidShaped(name);
    case "resource":
      return LockedId.safeParse(name).success;
    case "agent":
      return Slug.safeParse(name).success;
    default:
      return false;
  }
}

export const VerifyQuery = z.lazy(() =>
  z
    .strictObject({
      subject: Subject.optional(),
      limit: queryInteger(1, 100).optional().openapi({ description: "chains per page, without subject" }),
      cursor: z.string().max(4096).optional(),
    })
    .refine(({ subject, limit, cursor }) => subject === undefined || (limit === undefined && cursor === undefined), {
      message: "one subject is verified as a whole: leave out limit and cursor",
      path: ["subject"],
    }),
);

export const FirstBad = z.lazy(() =>
  z
    .strictObject({
      seq: z.number().int(),
      id: z.number().int().optional(),
      problem: z.enum(["altered", "unlinked", "missing", "unknown"]).openapi({
        description:
          "altered: its content does not give its hash. unlinked: it does not follow the row before it, so one between them " +
          "was removed or put in. missing: the chain's last entry is not there. unknown: nobody wrote it.",
      }),
    })
    .openapi("FirstBad"),
);
export type FirstBad = z.infer<typeof FirstBad>;

export const ChainVerdict = z.lazy(() =>
  z
    .strictObject({
      valid: z.boolean(),
      checked: z.number().int(),
      head: z.strictObject({ seq: z.number().int(), hash }),
      first_bad: FirstBad.optional(),
    })
    .openapi("ChainVerdict"),
);
export type ChainVerdict = z.infer<typeof ChainVerdict>;

export const TrailVerdict = z.lazy(() =>
  z
    .strictObject({
      valid: z.boolean(),
      chains: z.number().int(),
      checked: z.number().int(),
      bad: z.array(z.strictObject({ subject: z.string(), first_bad: FirstBad })),
      next_cursor: z.string().optional(),
    })
    .openapi("TrailVerdict"),
);
export type TrailVerdict = z.infer<typeof TrailVerdict>;
