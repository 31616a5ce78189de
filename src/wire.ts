/** Schemas that every capability's contract shares. */
import { isUuidShaped } from "./actor/ids.ts";
import { z } from "./zod.ts";

/** An id that people choose: of users, agents, policies. Clients take `.` and `..` out of a path: nobody could name them again. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9._@-]{1,64}$/, "must be a slug of 1 to 64 characters out of a-z 0-9 . _ @ -")
  .refine((id) => id !== "." && id !== "..", "must not be . or ..");

/** A UUID of any version, lowered. Whether it is an id of ours, and what of, is for the route to say (http/ids.ts). */
export const Id = z
  .string()
  .refine(isUuidShaped, "must be a UUID")
  .transform((id) => id.toLowerCase())
  .openapi({ type: "string", format: "uuid" });

/** As `JsonObject`, without a name of its own in the OpenAPI document: a nullable reference to that one would refuse null. */
export const AnyObject = z.record(z.string(), z.unknown());

/** Any JSON object; depth, size and forbidden characters are checked where the body is read (http/body.ts). */
export const JsonObject = AnyObject.openapi("JsonObject");
export type JsonObject = z.infer<typeof JsonObject>;

/** RFC 3339, UTC. */
export const Timestamp = z.string().openapi({ format: "date-time", example: "2026-11-20T22:46:52.123Z" });
