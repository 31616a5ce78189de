/** Wire schemas of retention and rebuild (docs/design/retention.md, docs/design/rebuild.md). */

import { isTime } from "../http/validation.ts";
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";
import { FirstBad } from "./contract.ts";

const count = z.number().int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in lower-case hex");
const link = z.strictObject({ seq: count, hash });

/** What the last line of a retention file says, and its signature covers. */
export const Certificate = z.lazy(() =>
  z
    .strictObject({
      format: z.literal("countersign-retention-1"),
      workspace: z.string(),
      id: z.uuid(),
      before: Timestamp,
      rows: count,
      chains: count,
      sha256: hash.openapi({ description: "of every byte of the file before this line" }),
      prepared_at: Timestamp,
    })
    .openapi("RetentionCertificate"),
);
export type Certificate = z.infer<typeof Certificate>;

/** The last line of a retention file. */
export const Seal = z.lazy(() =>
  z.strictObject({ retention: Certificate, public_key: z.string(), signature: z.string() }),
);
export type Seal = z.infer<typeof Seal>;

/** The line after the last row of each chain: where its rows begin and end. */
export const ChainLine = z.lazy(() =>
  z.strictObject({
    chain: z.strictObject({ actor: z.string(), from: link, to: link, rows: count }),
  }),
);
export type ChainLine = z.infer<typeof ChainLine>;

export const PrepareRetention = z.lazy(() =>
  z
    .strictObject({
      before: z
        .string()
        .refine(isTime, "must be an RFC 3339 time of a year from 0000 to 9999")
        .transform((text) => new Date(text).toISOString())
        .openapi({ type: "string", format: "date-time", description: "exclusive; in the past" }),
    })
    .openapi("PrepareRetention", { example: { before: "2026-01-01T00:00:00Z" } }),
);

export const ConfirmRetention = z.lazy(() =>
  z
    .strictObject({ sha256: hash.openapi({ description: "of the whole file as received" }) })
    .openapi("ConfirmRetention", { example: { sha256: "0".repeat(64) } }),
);

/** One retention of a workspace; there is one at a time. */
export const Retention = z.lazy(() =>
  z
    .strictObject({
      id: z.uuid(),
      before: Timestamp,
      status: z.enum(["prepared", "sealed", "forgetting", "done"]).openapi({
        description:
          "prepared: the file can be fetched. sealed: it was written to its end. forgetting: its receipt was confirmed, and its " +
          "rows are being deleted. done: they are gone.",
      }),
      rows: count.optional(),
      chains: count.optional(),
      sha256: hash.optional(),
      prepared_at: Timestamp,
      problem: z.strictObject({ subject: z.string(), first_bad: FirstBad }).optional().openapi({
        description: "why the file was broken off: that chain does not verify, and nothing of it is retired",
      }),
    })
    .openapi("Retention"),
);
export type Retention = z.infer<typeof Retention>;

export const RetentionState = z.lazy(() =>
  z
    .strictObject({
      public_key: z
        .string()
        .openapi({ description: "Ed25519, base64url: what the files of this workspace are verified with" }),
      retention: Retention.optional(),
    })
    .openapi("RetentionState"),
);
export type RetentionState = z.infer<typeof RetentionState>;

export const RebuildBegun = z.lazy(() => z.strictObject({ chains: count }).openapi("RebuildBegun"));

/** Where a chain's retired rows end. */
export interface RetiredHead {
  readonly source: string;
  readonly seq: number;
  readonly hash: string;
}

/** What a file turned out to hold. */
export type Contents = Pick<Certificate, "rows" | "chains" | "sha256">;
