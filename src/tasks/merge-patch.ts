import type { JsonObject } from "../wire.ts";
import { isJsonObject } from "./stable-json.ts";

/**
 * JSON merge patch (RFC 7396): objects are merged key by key, null removes a key, everything else replaces. Neither
 * argument is changed. Only own keys count, and `__proto__` is a key like any other.
 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject;
export function mergePatch(target: unknown, patch: unknown): unknown;
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged = new Map(isJsonObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else if (value !== undefined) merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}
