/**
 * Ids that route themselves (01-architecture, "Ids"; docs/design/ids.md). An id is a version 8 UUID: bytes 0–11 are the
 * address of the actor that owns the thing, bytes 12–15 the member within it (0 = the actor itself).
 */
import { createHash } from "node:crypto";

const KIND_CODES = {
  task: 1n,
  resource: 2n,
  agent: 3n,
  inbox: 4n,
  coordinator: 5n,
  dispatch: 6n,
  ledger: 7n,
  hub: 8n,
  webhook: 9n,
} as const;

export type ActorKind = keyof typeof KIND_CODES;

/** 12 bytes in lower-case hex: 4 bits of kind and 86 bits, with the UUID's version and variant bits in their places. */
export type Address = string & { readonly __brand: "Address" };

/** The kind stands in the first hex digit of an id. */
const KIND_OF_DIGIT: ReadonlyMap<string, ActorKind> = new Map(
  Object.entries(KIND_CODES).map(([kind, code]) => [code.toString(16), kind as ActorKind]),
);
const VERSION = 8n;
const VARIANT = 0b10n;
/** Version and variant are ours; what is not the address is the member. */
const OWN_SHAPE = /^([0-9a-f]{8})-([0-9a-f]{4})-(8[0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{4})([0-9a-f]{8})$/;
const UUID_SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function bits(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}

/** Lays 90 bits out over 96: 48 bits, version, 12 bits, variant, 30 bits. */
function address(kind: ActorKind, low86: bigint): Address {
  const value = (KIND_CODES[kind] << 86n) | (low86 & bits(86));
  const laid =
    ((value >> 42n) << 48n) |
    (VERSION << 44n) |
    (((value >> 30n) & bits(12)) << 32n) |
    (VARIANT << 30n) |
    (value & bits(30));
  return laid.toString(16).padStart(24, "0") as Address;
}

function firstBits(digest: Uint8Array): bigint {
  let value = 0n;
  for (const byte of digest.subarray(0, 11)) value = (value << 8n) | BigInt(byte);
  return value >> 2n;
}

/** A new task's address: 48 bits of `now` (ms) and 38 random bits, so that ids sort by time. */
export function freshTaskAddress(now: number, random: Uint8Array = crypto.getRandomValues(new Uint8Array(5))): Address {
  let noise = 0n;
  for (const byte of random.subarray(0, 5)) noise = (noise << 8n) | BigInt(byte);
  return address("task", ((BigInt(now) & bits(48)) << 38n) | (noise & bits(38)));
}

/** The address that the SHA-256 of `parts` names: the same parts always reach the same actor. */
export function hashedAddress(kind: ActorKind, ...parts: readonly string[]): Address {
  // A length before each part: ("a", "bc") and ("ab", "c") are different things.
  const text = parts.length === 1 ? (parts[0] ?? "") : parts.map((part) => `${part.length}:${part}`).join("");
  return address(kind, firstBits(createHash("sha256").update(text).digest()));
}

/** The one actor of its kind in a workspace (coordinator, dispatch, ledger). */
export function singletonAddress(kind: "coordinator" | "dispatch" | "ledger"): Address {
  return address(kind, 0n);
}

/** The UUID of a member (approval n, lease n, …) of the actor at `at`; member 0 is the actor itself. */
export function idOf(at: Address, member = 0): string {
  const last = member.toString(16).padStart(8, "0");
  return `${at.slice(0, 8)}-${at.slice(8, 12)}-${at.slice(12, 16)}-${at.slice(16, 20)}-${at.slice(20)}${last}`;
}

export interface ParsedId {
  readonly id: string;
  readonly kind: ActorKind;
  readonly address: Address;
  readonly member: number;
}

/** Whether `text` has the shape of a UUID at all (any version, either case): if not, the client gets a 400. */
export function isUuidShaped(text: string): boolean {
  return UUID_SHAPE.test(text.toLowerCase());
}

/** Reads an id; upper case is lowered. `null` for a UUID that is none of ours: such an id names nothing (404). */
export function parseId(text: string): ParsedId | null {
  const id = text.toLowerCase();
  const [, first, second, third, fourth, fifth, member] = OWN_SHAPE.exec(id) ?? [];
  const kind = KIND_OF_DIGIT.get(id.charAt(0));
  if (kind === undefined || member === undefined) return null;
  return {
    id,
    kind,
    address: `${first}${second}${third}${fourth}${fifth}` as Address,
    member: Number.parseInt(member, 16),
  };
}

/** The name under which the platform finds an actor: `{workspace}/{kind}/{address}`. */
export function actorName(workspace: string, kind: ActorKind, at: Address): string {
  return `${workspace}/${kind}/${at}`;
}

export interface ActorPlace {
  readonly workspace: string;
  readonly kind: ActorKind;
  readonly address: Address;
}

/** Undoes {@link actorName}. Throws on anything else: only our own code names actors. */
export function placeOf(name: string | undefined): ActorPlace {
  const [workspace, kind, at, ...rest] = (name ?? "").split("/");
  if (!workspace || !kind || !at || rest.length > 0 || !(kind in KIND_CODES)) {
    throw new Error(`not an actor name: ${name}`);
  }
  return { workspace, kind: kind as ActorKind, address: at as Address };
}
