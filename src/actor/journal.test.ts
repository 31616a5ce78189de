import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemCaller } from "./caller.ts";
import { canonicalJson, type Entry, entryOf, GENESIS, linkHash, nextMicros } from "./journal.ts";
import { microsToTimestamp } from "./timestamp.ts";

/** RFC 8785 once more, from the RFC's text: members sorted by UTF-16 code units, ECMAScript's own numbers and strings. */
function jcs(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, member]) => `${JSON.stringify(name)}:${jcs(member)}`);
  return `{${members.join(",")}}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

const place = { workspace: "default", actor: "resource:database:prod/orders", seq: 7, micros: 1_767_323_045_678_009 };
const happening = { action: "lock.released", subject_type: "lock", subject_id: "l-1" };
const caller = systemCaller("default", "countersign", "r-1");

describe("a link of the chain", () => {
  it("starts from 64 zeros", () => {
    expect(GENESIS).toBe("0000000000000000000000000000000000000000000000000000000000000000");
  });

  it("is hex SHA-256 of the hash before, a newline and the entry's RFC 8785 text", () => {
    const entry = entryOf({ ...happening, details: { z: 1, a: ["é", null, 1e21], "\u20ac": "😀" } }, place, caller);
    const first = linkHash(GENESIS, canonicalJson(entry));
    expect(first).toBe(sha256(`${GENESIS}\n${jcs(entry)}`));
    expect(linkHash(first, canonicalJson(entry))).toBe(sha256(`${first}\n${jcs(entry)}`));
  });

  it("never changes its definition: these values were computed once, outside of this code", () => {
    const entry = entryOf(
      {
        ...happening,
        from_state: "held",
        to_state: "free",
        why: { reason: "é" },
        details: { b: 2, a: [true, null, 0.1] },
      },
      place,
      caller,
    );
    expect(canonicalJson(entry)).toBe(
      '{"action":"lock.released","actor":"resource:database:prod/orders","at":"2026-01-02T03:04:05.678009Z",' +
        '"details":{"a":[true,null,0.1],"b":2},"from_state":"held","request_id":"r-1","seq":7,"subject_id":"l-1",' +
        '"subject_type":"lock","to_state":"free","where":{"service":"countersign"},' +
        '"who":{"id":"system","kind":"system","roles":["system"]},"why":{"reason":"é"},"workspace":"default"}',
    );
    expect(linkHash(GENESIS, canonicalJson(entry))).toBe(
      "4fe475a049addb508d4134fbcf48d6823ec1ca154b93b1278b3b92d8087fd663",
    );
  });

  it("is the same after the entry went through JSON, whatever JSON its details hold", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (details) => {
        const text = canonicalJson(entryOf({ ...happening, details }, place, caller));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(text).toBe(jcs(JSON.parse(text)));
      }),
    );
  });

  it("breaks when any one character of the entry, or of the hash before, is another", () => {
    const text = canonicalJson(entryOf(happening, place, caller));
    const hash = linkHash(GENESIS, text);
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), (at) => {
        const altered = `${text.slice(0, at)}${text[at] === "x" ? "y" : "x"}${text.slice(at + 1)}`;
        expect(linkHash(GENESIS, altered)).not.toBe(hash);
      }),
    );
    expect(linkHash(`1${GENESIS.slice(1)}`, text)).not.toBe(hash);
  });

  it("is refused for what is not JSON", () => {
    expect(() => canonicalJson(undefined)).toThrow("not a JSON value");
    expect(() => canonicalJson({ half: Number.NaN })).toThrow();
    expect(() => canonicalJson({ much: 1n })).toThrow();
  });
});

describe("an entry", () => {
  it("leaves out what is absent, rather than saying null", () => {
    const sparse = {
      ...happening,
      from_state: undefined,
      to_state: undefined,
      why: { reason: undefined },
      details: {},
    };
    const entry: Entry = entryOf(sparse, place, caller);
    expect(Object.keys(entry).sort()).toEqual(
      ["action", "actor", "at", "request_id", "seq", "subject_id", "subject_type", "where", "who", "workspace"].sort(),
    );
  });

  it("says who really acted when that is not the caller", () => {
    const who = { id: "ann", kind: "user", roles: ["admin"] } as const;
    expect(entryOf({ ...happening, who }, place, caller).who).toEqual(who);
    expect(entryOf(happening, place, caller).who.id).toBe("system");
  });

  it("says in whose stead and in which session they acted", () => {
    const acting = { session_id: "s-1", on_behalf_of: "bob" };
    expect(entryOf({ ...happening, acting }, place, caller).who).toEqual({ ...caller.who, ...acting });
  });

  it("never holds the Idempotency-Key of its request", () => {
    const keyed = { ...caller, idempotency: { key: "secret-key", scope: "s", hash: "h" } };
    expect(canonicalJson(entryOf(happening, place, keyed))).not.toContain("secret-key");
  });
});

describe("an actor's time", () => {
  it("strictly rises though the clock stands still or steps back, and never runs behind it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4_000_000_000_000 }), { minLength: 1 }), (clock) => {
        let last = 0;
        let written = "";
        for (const now of clock) {
          const micros = nextMicros(last, now);
          const at = microsToTimestamp(micros);
          expect(micros).toBeGreaterThan(last);
          expect(micros).toBeGreaterThanOrEqual(now * 1000);
          expect(at > written).toBe(true);
          last = micros;
          written = at;
        }
      }),
    );
  });

  it("flows into the next millisecond when one holds more than a thousand entries", () => {
    let micros = nextMicros(0, 1_000);
    for (let n = 0; n < 1_500; n += 1) micros = nextMicros(micros, 1_000);
    expect(microsToTimestamp(micros)).toBe("1970-01-01T00:00:01.001500Z");
  });

  it("is RFC 3339 with six digits of a second", () => {
    fc.assert(
      fc.property(fc.nat({ max: 4_000_000_000_000_000 }), (micros) => {
        const at = microsToTimestamp(micros);
        expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(Date.parse(at)).toBe(Math.floor(micros / 1000));
      }),
    );
  });
});
