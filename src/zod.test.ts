import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const SOURCES = import.meta.dirname;
/** Has a value of it, not types alone. */
const LIBRARY = /^(?:import|export) (?!type )[^;]*? from "(?:zod(?:\/[^"]*)?|@hono\/zod-openapi)";/m;

it("Whoever speaks zod takes z from here: one that takes it from the library ships and starts all of it", () => {
  const speakers = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".test.ts"))
    .filter((file) => LIBRARY.test(readFileSync(join(SOURCES, file), "utf8")));
  expect(speakers).toEqual(["zod-words.ts"]);
});
