/** Wire schemas of POST /approvals/{id}/links. */
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

export const LinksInput = z.lazy(() =>
  z
    .strictObject({ expires_in_seconds: z.number().int().min(60).max(604_800).default(86_400) })
    .openapi("CreateLinks", { example: { expires_in_seconds: 3_600 } }),
);

export const LinksCreated = z.lazy(() =>
  z
    .strictObject({
      links: z
        .strictObject({ review: z.url() })
        .optional()
        .openapi({ description: "a page to read the change and decide: shown now and never again" }),
      secret_shown: z.literal(true).optional().openapi({ description: "in place of the links, in a replayed answer" }),
      expires_at: Timestamp,
    })
    .openapi("LinksCreated"),
);
