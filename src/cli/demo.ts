/**
 * The main job from nothing: `npm run demo` starts its own worker on temporary state, plays author, reviewers and two agents
 * against it over HTTP, and prints what happened as a timeline. Exits 0 only if every step went as told.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApprovalRequest } from "../approvals/contract.ts";
import type { AuditRow } from "../audit/contract.ts";
import type { Lease, Lock } from "../locks/contract.ts";
import type { Preview, Risk } from "../tasks/contract.ts";
import type { Task } from "../tasks/task-contract.ts";
import { Session, verifiedLocally } from "./demo/session.ts";
import { Timeline } from "./demo/timeline.ts";

const READY_WITHIN_MS = 60_000;
const ORDERS = "database:prod/orders";
const CHECKOUT = "service:prod/checkout";

type Drafted = Task & { preview: Preview; risk: Risk };
type Inbox = { approvals: ApprovalRequest[] };
type Refused = { error: { code: string; details?: { holder: { agent_id: string } } } };

const timeline = new Timeline(process.stdout);

async function main(root: Session): Promise<void> {
  timeline.chapter("People and agents");
  const alice = await root.user("alice", "Alice Author", ["author"]);
  const bob = await root.user("bob", "Bob the DBA", ["reviewer", "dba"]);
  const carol = await root.user("carol", "Carol of Operations", ["reviewer"]);
  const migrator = await root.agent("migrator", ["database.*"]);
  const reporter = await root.agent("reporter", ["report.*"]);
  timeline.tell("root", "made users alice (author), bob and carol (reviewers), agents migrator and reporter");

  timeline.chapter("A change is drafted");
  const draft = await alice.post<Drafted>("/tasks", 201, {
    config: {
      type: "database.migrate",
      description: "Add orders.discount and let checkout use it",
      resources: [
        { type: "database", id: "orders", namespace: "prod", actions: ["read", "write"] },
        { type: "service", id: "checkout", namespace: "prod", actions: ["write"] },
      ],
      parameters: {
        [ORDERS]: { schema_version: 42, columns: { discount: "numeric" } },
        [CHECKOUT]: { features: { discount: true } },
      },
      timeout_seconds: 60,
    },
    metadata: { author_id: "alice", author_name: "Alice Author", ticket_ref: "SHOP-1234", tags: ["demo"] },
  });
  const { id } = draft;
  timeline.tell("alice", `drafted task ${id}`);
  for (const change of draft.preview.changes) timeline.detail(`${change.action} ${change.resource.key}`, change.diff);
  timeline.tell("system", `risk ${draft.risk.score} of 100: ${draft.risk.level}`);
  for (const { name, weight, value, contribution } of draft.risk.factors) {
    timeline.detail(`${name}: ${weight} × ${round(value)} = ${round(contribution)}`);
  }

  timeline.chapter("It is countersigned");
  const submitted = await alice.post<Drafted>(`/tasks/${id}/submit`, 202, {});
  timeline.tell("alice", `submitted: ${submitted.state}, needs ${submitted.required_approvals} approvals`);
  const own = await alice.post<Refused>(`/approvals/${first(submitted.approval_requests).id}/respond`, 403, {
    action: "approve",
  });
  timeline.tell("alice", `tried to approve her own change: ${own.error.code}`);
  for (const reviewer of [bob, carol]) {
    const inbox = await reviewer.until<Inbox>("/approvals", (page) => page.approvals.length > 0);
    const answer = await reviewer.post<{ task_state: string }>(`/approvals/${first(inbox.approvals).id}/respond`, 200, {
      action: "approve",
      reason: "diff read, looks right",
      revision: submitted.revision,
    });
    timeline.tell(reviewer.name, `approved from the inbox: task is ${answer.task_state}`);
  }

  timeline.chapter("It is applied under locks");
  const claim = await migrator.post<{ task: Task; leases: Lease[] }>("/tasks/claim", 200, { wait_seconds: 5 });
  if (claim.task.id !== id) throw new Error(`claimed ${claim.task.id}`);
  timeline.tell("migrator", `claimed it: ${claim.task.state}, attempt ${claim.task.execution?.attempt}, holding`);
  for (const lease of claim.leases) {
    timeline.detail(
      `${lease.resource_type} ${lease.resource_id} (${lease.mode}, fencing token ${lease.fencing_token})`,
    );
  }
  const wanted = { resource_type: "resource", resource_id: ORDERS, purpose: "nightly report" };
  const tried = await reporter.post<Refused>("/locks/acquire", 423, { ...wanted, wait_for_available: false });
  timeline.tell("reporter", `tried ${ORDERS}: ${tried.error.code}, held by ${tried.error.details?.holder.agent_id}`);
  const queued = await reporter.post<Lock>("/locks/acquire", 202, wanted);
  timeline.tell("reporter", `queues for it, position ${queued.queue_position}`);
  const granted = reporter.post<Lock>("/locks/acquire", 201, wanted, { Prefer: "wait=30" });
  for (const progress of [25, 50, 75, 100]) {
    const beat = await migrator.post<{ leases: unknown[] }>(`/tasks/${id}/heartbeat`, 200, {
      progress,
      message: `step ${progress / 25} of 4`,
    });
    timeline.tell("migrator", `heartbeat at ${progress} %: ${beat.leases.length} leases extended`);
    const still = await reporter.get<Lock>(`/locks/${queued.id}`);
    if (still.status !== "queued") throw new Error("the reporter got the lock while the task held it");
  }
  const done = await migrator.post<Task>(`/tasks/${id}/complete`, 200, {
    result: "success",
    output: { rows_migrated: 1204 },
  });
  timeline.tell("migrator", `completed it: ${done.state}, ${done.execution?.result}`);
  const lock = await granted;
  timeline.tell("reporter", `got ${ORDERS} after the wait, fencing token ${lock.fencing_token}`);
  await reporter.post("/locks/release", 204, { lock_id: lock.id });
  const orders = await alice.get<{ revision: number; attributes: unknown }>(
    "/resources/database/orders?namespace=prod",
  );
  timeline.tell("system", `${ORDERS} is at revision ${orders.revision}: ${JSON.stringify(orders.attributes)}`);

  timeline.chapter("The trail proves itself");
  const { entries } = await alice.get<{ entries: AuditRow[] }>(`/tasks/${id}/audit`);
  for (const { at, action, who, from_state, to_state, hash } of entries) {
    const edge = to_state === undefined ? "" : `  ${from_state ?? "·"} → ${to_state}`;
    timeline.detail(`${at}  ${hash.slice(0, 12)}  ${action.padEnd(20)} by ${who.id}${edge}`);
  }
  if (!verifiedLocally(entries)) throw new Error("the chain does not verify");
  timeline.tell("auditor", `recomputed ${entries.length} hashes from the rows alone: they link`);
  for (const subject of [`task:${id}`, `resource:${ORDERS}`, `resource:${CHECKOUT}`, "agent:migrator", "config"]) {
    const verdict = await alice.get<{ valid: boolean; checked: number }>(
      `/audit/verify?subject=${encodeURIComponent(subject)}`,
    );
    if (verdict.valid !== true) throw new Error(`${subject} does not verify: ${JSON.stringify(verdict)}`);
    timeline.tell("auditor", `${subject}: ${verdict.checked} rows in D1 match the actor's own head`);
  }
}

function first<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined) throw new Error("a list is empty that should not be");
  return one;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

async function run(): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "countersign-demo-"));
  const port = await freePort();
  const token = `demo-${crypto.randomUUID()}${crypto.randomUUID()}`;
  const server = spawn(process.execPath, [join(import.meta.dirname, "serve.ts")], {
    env: { ...process.env, PORT: String(port), HOST: "127.0.0.1", STATE_DIR: stateDir, ROOT_TOKEN: token },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => server.once("exit", resolve));
  try {
    const root = new Session(`http://127.0.0.1:${port}`, token, "root");
    timeline.chapter("A worker of its own");
    const died = ended.then((code) => {
      throw new Error(`the worker ended with ${code}`);
    });
    await Promise.race([root.ready(READY_WITHIN_MS), died]);
    timeline.tell("system", `workerd answers on port ${port}, with empty state in ${stateDir}`);
    await Promise.race([main(root), died]);
    timeline.chapter("Done");
  } finally {
    server.kill("SIGTERM");
    await ended;
    await rm(stateDir, { recursive: true, force: true });
  }
}

try {
  await run();
} catch (thrown) {
  console.error(`\nThe demo failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  process.exitCode = 1;
}
