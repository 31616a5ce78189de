/**
 * An export of a million audit rows: rows/s, and the peak memory of the server's processes (05-realtime-and-audit). Run with
 * `node bench/audit-export.ts [rows]`. Rows go straight into D1's file while the server is down; the export is read over HTTP
 * and checked by the offline verifier on the way.
 */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { DatabaseSync } from "node:sqlite";
import { canonicalJson, GENESIS, linkHash } from "../src/actor/journal.ts";
import { OfflineCheck } from "../src/audit/offline-check.ts";
import { ROOT_TOKEN, type Server, startServer } from "../test/support/server.ts";
import { d1File } from "./d1-file.ts";

const ROWS = Number(process.argv[2] ?? 1_000_000);
const CHAINS = 1_000;

const empty = await startServer();
await call(empty, "/api/v1/me");
await empty.end();
const seeded = performance.now();
seed(d1File(empty.stateDir));
console.log(`${ROWS} rows in ${CHAINS} chains written in ${seconds(seeded)} s`);

const server = await empty.restart();
await call(server, "/api/v1/audit/tail?limit=1");
for (const query of ["", "?format=csv", "?action=lock.*&from=2026-01-01T00:00:00Z"]) await measure(server, query);
await server.end();

async function measure({ url, workerd }: Server, query: string): Promise<void> {
  const before = memoryOf(workerd());
  const memory = { peak: before };
  const sampling = setInterval(() => {
    memory.peak = Math.max(memory.peak, memoryOf(workerd()));
  }, 50);
  const began = performance.now();
  const response = await fetch(`${url}/api/v1/audit/export${query}`, {
    headers: { Authorization: `Bearer ${ROOT_TOKEN}` },
  });
  let first = 0;
  let bytes = 0;
  let lines = 0;
  let begun = "";
  const check = query === "" ? new OfflineCheck({ rows: ROWS }) : undefined;
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    first ||= performance.now() - began;
    bytes += chunk.byteLength;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
    if (check === undefined) continue;
    const parts = (begun + decoder.decode(chunk, { stream: true })).split("\n");
    begun = parts.pop() ?? "";
    for (const line of parts) check.take(line);
  }
  const took = (performance.now() - began) / 1000;
  clearInterval(sampling);
  const verdict = await check?.verdict();
  console.log(
    `export${query}: ${lines} lines (Audit-Rows ${response.headers.get("Audit-Rows")}), ${(bytes / 2 ** 20).toFixed(0)} MiB in ` +
      `${took.toFixed(1)} s = ${(lines / took).toFixed(0)} rows/s, first byte after ${(first / 1000).toFixed(1)} s; ` +
      `workerd ${before.toFixed(0)} MiB before, ${memory.peak.toFixed(0)} MiB at its peak` +
      (verdict === undefined ? "" : `; checked on the way, valid: ${verdict.valid}`),
  );
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
    const at = new Date(1_767_225_600_000 + n).toISOString().replace("Z", "000Z");
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

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
