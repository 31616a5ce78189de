/**
 * An agent that deploys approved changes of services, and goes back to what ran before if that fails.
 *
 *   COUNTERSIGN_URL=http://127.0.0.1:8787 COUNTERSIGN_TOKEN=cs_… node examples/agent-worker.ts
 *
 * In a checkout of Countersign itself `npm run build` makes `countersign/client`, and `npx node` is a Node that runs TypeScript.
 * SIGTERM goes to that Node itself: npx does not pass it on.
 */
import { Countersign } from "countersign/client";

const { COUNTERSIGN_URL: url = "http://127.0.0.1:8787", COUNTERSIGN_TOKEN: token = "" } = process.env;
const client = new Countersign({ url, token });

/** In the place of a real system: what runs where. It refuses a fencing token lower than the last it saw. */
const services = new Map<string, { running: unknown; token: number }>();
function deploy(key: string, running: unknown, token: number): void {
  if (token < (services.get(key)?.token ?? 0)) throw new Error(`${key}: somebody newer was here`);
  services.set(key, { running, token });
  console.log(`deployed ${key}`);
}

const worker = client.worker({
  capabilities: ["service.*"],
  concurrency: 4,
  handle: async ({ preview }, work) => {
    for (const [done, { resource, after }] of (preview?.changes ?? []).entries()) {
      work.signal.throwIfAborted();
      work.progress((100 * done) / (preview?.changes.length ?? 1), `deploying ${resource.key}`);
      await work.stash(resource.key, services.get(resource.key)?.running ?? null);
      deploy(resource.key, after, work.fencingToken(resource.key));
    }
    return { output: { deployed: true } };
  },
  rollback: async (_, stash, work) => {
    for (const [key, before] of Object.entries(stash)) deploy(key, before, work.fencingToken(key));
  },
});
console.log("working; SIGTERM drains");
await worker.done;
