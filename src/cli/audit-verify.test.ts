import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chain, storedRow } from "../audit/chain.fixture.ts";
import { ndjsonLine } from "../audit/export-format.ts";
import { auditVerify } from "./audit-verify.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-verify-"));
afterAll(() => rmSync(folder, { recursive: true }));

let printed = "";
beforeEach(() => {
  printed = "";
  for (const stream of ["log", "error"] as const) {
    vi.spyOn(console, stream).mockImplementation((text: string) => {
      printed += `${text}\n`;
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
});

const rows = chain("ws", "task:a", [1, 2, 3], (seq) => ({ details: { note: `line\u2028separator ${seq}` } }));
const whole = rows.map((row) => ndjsonLine(storedRow(row))).join("");

function fileOf(text: string): string {
  const path = join(folder, `${crypto.randomUUID()}.ndjson`);
  writeFileSync(path, text);
  return path;
}

describe("countersign audit verify FILE", () => {
  it("ends with 0 and says what was proved of a valid export", async () => {
    expect(await auditVerify([fileOf(whole)])).toBe(0);
    expect(printed).toMatch(/^valid: 3 rows in 1 chains/);
    expect(printed).toMatch(/not proven: /);
    expect(await auditVerify([fileOf(whole), "--rows", "3"])).toBe(0);
    expect(await auditVerify([fileOf("")])).toBe(0);
  });

  it("ends with 1 and says where an export was tampered with", async () => {
    expect(await auditVerify([fileOf(whole.replace("separator 2", "separator x"))])).toBe(1);
    expect(printed).toMatch(/line 2 is altered: task:a seq 2/);
    expect(await auditVerify([fileOf(whole), "--rows", "4"])).toBe(1);
  });

  it("asks for --filtered where rows are missing, and takes them for filtered then", async () => {
    const [first = "", , third = ""] = whole.split("\n");
    const path = fileOf(`${first}\n${third}\n`);
    expect(await auditVerify([path])).toBe(1);
    expect(printed).toMatch(/--filtered/);
    expect(await auditVerify([path, "--filtered"])).toBe(0);
  });

  it("ends with 2 if there is no such file, no export in it, or one that was cut off", async () => {
    for (const path of [
      join(folder, "none"),
      folder,
      fileOf(whole.slice(0, -20)),
      fileOf("id,workspace\r\n1,ws\r\n"),
    ]) {
      expect(await auditVerify([path]), path).toBe(2);
    }
    for (const args of [[], ["a", "b"], ["a", "--rows", "many"], ["a", "--what"]]) {
      expect(await auditVerify(args), args.join()).toBe(2);
    }
  });

  it("prints the verdict as JSON", async () => {
    expect(await auditVerify([fileOf(whole), "--json"])).toBe(0);
    expect(JSON.parse(printed)).toMatchObject({ valid: true, rows: 3, chains: 1, problems: [] });
  });
});
