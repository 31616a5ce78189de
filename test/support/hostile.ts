/** Values that break what trusts them. */
import fc from "fast-check";

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "\udfff\ud800",
    "\u202egnp.exe",
    "👩‍👩‍👧‍👦",
    "ﬃ",
    "__proto__",
    "constructor",
    "toString",
    "../../etc/passwd",
    "'; DROP TABLE tasks; --",
    "%00",
    "%",
    "{{7*7}}",
    "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
    "[a-z",
    "task:x:1",
    "config",
    "root",
    "1e999",
    "-0",
    "0x10",
    "9999-12-31T23:59:59.999999Z",
    "+275760-09-13T00:00:00.001Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00+99:99",
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.nat(7_000).map((length) => "x".repeat(length)),
  fc.nat(600).map((length) => "é".repeat(length)),
);

const hostileNumber = fc.constantFrom(-1, 0, -0, 0.1, 1.5, 101, 301, 2 ** 31, 2 ** 53, 2 ** 63, 1e308, -1e308, 5e-324);

export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  hostileNumber,
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { "": "" }),
  fc.constantFrom(10, 63, 64, 65, 500).map((depth) => JSON.parse(`${'{"x":'.repeat(depth)}1${"}".repeat(depth)}`)),
  fc.constantFrom(10, 64, 500).map((depth) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`)),
  fc.constantFrom(51, 101, 1_001).map((length) => Array.from({ length }, (_, at) => `item-${at}`)),
  fc
    .constantFrom(65, 2_000)
    .map((keys) => Object.fromEntries(Array.from({ length: keys }, (_, at) => [`key-${at}`, at]))),
  hostileText.map((key) => ({ [key]: key })),
  fc.constant(JSON.parse('{"__proto__":{"admin":true}}')),
  fc.jsonValue(),
);

type Path = readonly (string | number)[];

/** The value with others put in places of it, or beside its fields. */
export function withDamage([value, damages]: [unknown, [number, unknown][]]): unknown {
  return damages.reduce((damaged: unknown, [at, hostile]) => {
    const places = [...placesOf(damaged, [])];
    const place = places[at % places.length] ?? [];
    return at % 7 === 0
      ? put(damaged, [...place.slice(0, -1), `field-${at % 3}`], hostile)
      : put(damaged, place, hostile);
  }, value);
}

/** Where one can reach in a value, itself included; not below a few thousand places. */
function* placesOf(value: unknown, path: Path): Generator<Path> {
  yield path;
  if (typeof value !== "object" || value === null || path.length > 6) return;
  for (const [key, inner] of Object.entries(value).slice(0, 20)) yield* placesOf(inner, [...path, key]);
}

function put(value: unknown, [key, ...rest]: Path, hostile: unknown): unknown {
  if (key === undefined) return hostile;
  if (Array.isArray(value))
    return value.map((inner, at) => (String(at) === String(key) ? put(inner, rest, hostile) : inner));
  if (typeof value !== "object" || value === null) return hostile;
  const fields = { ...value, [key]: put((value as Record<string, unknown>)[key], rest, hostile) };
  return fields;
}
