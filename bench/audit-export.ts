/**
 * Exports of a tenth of a million audit rows and of a million (05-realtime-and-audit): rows/s, and the memory of workerd in MiB: the
 * whole process, and what V8 holds for the worker + for the local D1, garbage included and once it is collected. Run with
 * `node bench/audit-export.ts [rows]`. Rows go straight into D1's file while the server is down; exports are read over HTTP, one of
 * them slowly, and checked by the offline verifier on the way.
 */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { canonicalJson, GENESIS, linkHash } from "../src/actor/journal.ts";
import { OfflineCheck } from "../src/audit/offline-check.ts";
import { ROOT_TOKEN, type Server, startServer } from "../test/support/server.ts";
import { d1File } from "./d1-file.ts";
import { heapAlive, heapUsed, inspect } from "./inspector.ts";
import { freePort } from "./process.ts";

const ROWS = Number(process.argv[2] ?? 1_000_000);
const CHAINS = 1_000;
const FIRST_AT = Date.UTC(2026, 0, 1);
/** What the slow reader takes at once, and how often (bytes, ms). */
const SIP = 2 ** 20;
const SIP_EVERY = 100;

interface Exported {
  readonly name: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly slow?: true;
}
const EXPORTS: readonly Exported[] = [
  { name: "NDJSON, each line verified by the reader on the way" },
  { name: "CSV", query: { format: "csv" } },
  { name: "NDJSON, `action=lock.*` and a time", query: { action: "lock.*", from: time(0) } },
  { name: "NDJSON, slowly read", slow: true },
];

const empty = await startServer();
await call(empty, "/api/v1/me");
await empty.end();
const seeded = performance.now();
seed(d1File(empty.stateDir));
console.log(`${ROWS} rows in ${CHAINS} chains written in ${((performance.now() - seeded) / 1_000).toFixed(1)} s`);
const port = await freePort();
const server = await startServer({ STATE_DIR: empty.stateDir, INSPECTOR_PORT: String(port) });
await call(server, "/api/v1/audit/tail?limit=1");
const heaps = [await inspect(port), await inspect(port, "d1:db")];
console.log(`workerd's resident memory before the first export: ${memoryOf(server.workerd()).toFixed(0)} MiB`);
console.log("| rows | export | MiB | rows/s | resident before | at its peak | heaps at their peak |");
console.log("|---|---|---|---|---|---|---|");
for (const one of EXPORTS) await measure(one, ROWS / 10);
for (const one of EXPORTS) await measure(one, ROWS);
console.log(`alive in the heaps once garbage is collected: ${mib(await Promise.all(heaps.map(heapAlive)))} MiB`);
for (const heap of heaps) heap.close();
await server.end();

async function measure({ name, query, slow }: Exported, rows: number): Promise<void> {
  const before = memoryOf(server.workerd());
  let peak = before;
  const peaks = heaps.map(() => 0);
  const sampling = setInterval(async () => {
    peak = Math.max(peak, memoryOf(server.workerd()));
    for (const [n, heap] of heaps.entries()) peaks[n] = Math.max(peaks[n] ?? 0, await heapUsed(heap));
  }, 50);
  const began = performance.now();
  const asked = new URLSearchParams({ ...query, to: time(rows) });
  const response = await fetch(`${server.url}/api/v1/audit/export?${asked}`, {
    headers: { Authorization: `Bearer ${ROOT_TOKEN}`, Connection: "close" },
  });
  const check = query === undefined ? new OfflineCheck({ rows }) : undefined;
  const decoder = new TextDecoder();
  let bytes = 0;
  let lines = 0;
  let begun = "";
  for await (const chunk of response.body ?? []) {
    if (slow && Math.trunc(bytes / SIP) < Math.trunc((bytes + chunk.byteLength) / SIP)) await sleep(SIP_EVERY);
    bytes += chunk.byteLength;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
    if (check === undefined) continue;
    const parts = (begun + decoder.decode(chunk, { stream: true })).split("\n");
    begun = parts.pop() ?? "";
    for (const line of parts) check.take(line);
  }
  const took = (performance.now() - began) / 1_000;
  clearInterval(sampling);
  const verdict = await check?.verdict();
  if (lines < rows || verdict?.valid === false) throw new Error(`${name}: ${lines} lines, ${JSON.stringify(verdict)}`);
  const cells = [rows, name, bytes / 2 ** 20, lines / took, before, peak].map((cell) =>
    typeof cell === "number" ? cell.toFixed(0) : cell,
  );
  console.log(`| ${[...cells, mib(peaks)].join(" | ")} |`);
}

function seed(file: string): void {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA synchronous = OFF; BEGIN");
  const insert = database.prepare(
    `INSERT INTO audit_log (workspace, actor, seq, subject_type, subject_id, action, who, at, "where", request_id, details, prev_hash, hash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const heads: string[] = new Array(CHAINS).fill(GENESIS);
  const who = { id: "robo", kind: "agent", roles: ["system"], token_id: "6f2b1f6e-6a34-4c56-9a53-d3c1b0f3f2a1" };
  const where = { colo: "TXL", country: "DE", ip: "192.0.2.1", service: "api", user_agent: "countersign-sdk/0.1" };
  for (let n = 0; n < ROWS; n += 1) {
    const chain = n % CHAINS;
    const seq = Math.floor(n / CHAINS) + 1;
    const id = `database:prod/table-${chain}`;
    const at = time(n).replace("Z", "000Z");
    const details = {
      agent_id: "robo",
      fencing_token: seq,
      lock_id: `10371b58-b680-805a-ba32-${String(n).padStart(12, "0")}`,
    };
    const base = { workspace: "default", actor: `resource:${id}`, seq, subject_type: "resource", subject_id: id };
    const request_id = "6f2b1f6e-6a34-4c56-9a53-d3c1b0f3f2a1";
    const entry = {
      ...base,
      action: seq % 2 === 1 ? "lock.acquired" : "lock.released",
      who,
      at,
      where,
      request_id,
      details,
    };
    const prev = heads[chain] ?? GENESIS;
    const hash = linkHash(prev, canonicalJson(entry));
    heads[chain] = hash;
    const json = [who, where, details].map((value) => JSON.stringify(value)) as [string, string, string];
    insert.run(
      "default",
      base.actor,
      seq,
      "resource",
      id,
      entry.action,
      json[0],
      at,
      json[1],
      request_id,
      json[2],
      prev,
      hash,
    );
  }
  database.exec("COMMIT");
  database.close();
}

function mib(values: readonly number[]): string {
  return values.map((value) => value.toFixed(0)).join(" + ");
}

/** Resident memory in MiB. */
function memoryOf(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

async function call({ url }: Server, path: string): Promise<void> {
  const response = await fetch(`${url}${path}`, { headers: { Authorization: `Bearer ${ROOT_TOKEN}` } });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  await response.arrayBuffer();
}

/** When the nth row was written: one a millisecond. */
function time(n: number): string {
  return new Date(FIRST_AT + n).toISOString();
}
