/**
 * `countersign audit verify FILE`: proves an NDJSON export or a retention file by itself, at constant memory. Ends with 0 if
 * it is valid, 1 if it was tampered with, 2 if it cannot be read.
 *
 * @example node src/cli/audit-verify.ts audit-default.ndjson --rows 120345
 */
import { createReadStream, ReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { OfflineCheck, type OfflineOptions, type OfflineVerdict, Unreadable } from "../audit/offline-check.ts";

export const USAGE = `usage: audit verify FILE [--filtered] [--key PUBLIC_KEY] [--rows N] [--json]
  FILE          an NDJSON export or a retention file; - reads standard input
  --filtered    it was exported with filters: rows may be left out
  --key KEY     a retention file must be signed with this key (GET /admin/audit/retention shows it)
  --rows N      it must have N rows (the header Audit-Rows of the export)
  --json        the verdict as JSON`;

/** A row holds 2 MB at most; whatever has longer lines is no export. */
const MAX_LINE_CHARS = 32_000_000;

export interface Reading {
  /** What `-` stands for. */
  readonly stdin: Readable;
  /** Hears how much of a file was read, 0 to 1. */
  readonly tell: (share: number) => void;
}

/** Checks a file, or standard input for `-`. Rejects with {@link Unreadable} if it is no export. */
export async function verifyFile(
  file: string,
  options: OfflineOptions = {},
  { stdin, tell }: Reading = { stdin: process.stdin, tell: () => undefined },
): Promise<OfflineVerdict> {
  const check = new OfflineCheck(options);
  const size = file === "-" ? 0 : (await stat(file)).size;
  const input = file === "-" ? stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  for await (const line of linesOf(input.setEncoding("utf8"))) {
    check.take(line);
    if (input instanceof ReadStream) tell(input.bytesRead / size);
  }
  return check.verdict();
}

/** Runs the command with these arguments and answers its exit code. */
export async function auditVerify(args: readonly string[]): Promise<0 | 1 | 2> {
  try {
    const { file, json, options } = read(args);
    const verdict = await verifyFile(file, options);
    console.log(json ? JSON.stringify(verdict, null, 2) : told(verdict));
    return verdict.valid ? 0 : 1;
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    console.error(thrown.message);
    return 2;
  }
}

function read(args: readonly string[]): { file: string; json: boolean; options: OfflineOptions } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      filtered: { type: "boolean", default: false },
      key: { type: "string" },
      rows: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [file, ...rest] = positionals;
  if (file === undefined || rest.length > 0) throw new Unreadable(USAGE);
  if (values.rows !== undefined && !/^\d{1,15}$/.test(values.rows)) throw new Unreadable("--rows takes a whole number");
  const rows = values.rows === undefined ? undefined : Number(values.rows);
  return { file, json: values.json, options: { filtered: values.filtered, publicKey: values.key, rows } };
}

/** By line feeds alone: U+2028, at which others split lines as well, may stand in JSON. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string, void> {
  let begun = "";
  for await (const chunk of chunks) {
    const lines = (begun + chunk).split("\n");
    begun = lines.pop() ?? "";
    if (begun.length > MAX_LINE_CHARS) throw new Unreadable("a line without an end: no NDJSON export");
    yield* lines;
  }
  if (begun !== "") yield begun;
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** The verdict as people read it. */
export function told(verdict: OfflineVerdict): string {
  const { valid, rows, chains, problems, problems_total, sealed, not_proven, gaps } = verdict;
  const what = `${rows} rows in ${chains} chains`;
  const more = problems_total > problems.length ? [`… and ${problems_total - problems.length} more`] : [];
  const hint = problems.some(({ problem }) => problem === "unlinked")
    ? ["If it was exported with filters, say so: --filtered"]
    : [];
  return [
    valid ? `valid: ${what}, every hash recomputed` : `TAMPERED WITH: ${counted(problems_total, "problem")} in ${what}`,
    ...(sealed === null
      ? []
      : [`retention ${sealed.retention.id}, before ${sealed.retention.before}, key ${sealed.public_key}`]),
    ...(gaps > 0 ? [`${gaps} gaps, as a filter leaves them`] : []),
    ...problems.map(({ line, problem, chain, seq }) => {
      const at = chain === undefined ? "" : `: ${chain}${seq === undefined ? "" : ` seq ${seq}`}`;
      return `  ${line === 0 ? "the file" : `line ${line}`} is ${problem}${at}`;
    }),
    ...more,
    ...hint,
    ...not_proven.map((text) => `not proven: ${text}`),
  ].join("\n");
}

if (import.meta.main) process.exitCode = await auditVerify(process.argv.slice(2));
