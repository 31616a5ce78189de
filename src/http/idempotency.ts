/** `Idempotency-Key` (02, "Idempotency"; draft-ietf-httpapi-idempotency-key-header: the key may stand in quotes). */
import { createHash } from "node:crypto";
import type { IdempotencyKey } from "../actor/caller.ts";
import type { Principal } from "./access.ts";
import { refuseInvalid } from "./failure.ts";

const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

/** Scope (principal + path + key) and body hash, or undefined without the header. Ends the request if the key is no key. */
export function idempotencyOf(
  header: string | undefined,
  principal: Principal,
  pathname: string,
  body: string,
): IdempotencyKey | undefined {
  if (header === undefined) return undefined;
  const quoted = /^"(.*)"$/.exec(header.trim())?.[1];
  const key = quoted?.replaceAll(/\\(["\\])/g, "$1") ?? header.trim();
  if (!PRINTABLE.test(key)) {
    refuseInvalid({ field: "Idempotency-Key", issue: "must be 1 to 255 printable ASCII characters" });
  }
  const scope = [principal.who.kind, principal.who.id, pathname, key].join("\n");
  return { key, scope: hex(scope), hash: hex(body) };
}

function hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
