/**
 * An agent: takes approved changes of services, one version at a time, and goes back if that fails.
 *
 *   COUNTERSIGN_URL=http://127.0.0.1:8787 COUNTERSIGN_TOKEN=cs_… node examples/agent-worker.ts
 */
import { Countersign } from "countersign/client";

const { COUNTERSIGN_URL: url = "http://127.0.0.1:8787", COUNTERSIGN_TOKEN: token = "" } = process.env;
const client = new Countersign({ url, token });

/** In the place of a real system: a note of what runs where, which refuses a token lower than the last. */
const services = new Map<string, { what: unknown; token: number }>();
async function running(key: string) {
  return services.get(key)?.what ?? {};
}
async function deploy(key: string, what: unknown, fencingToken: number, signal: AbortSignal) {
  signal.throwIfAborted();
  if (fencingToken < (services.get(key)?.token ?? 0)) throw new Error(`${key}: a newer holder was here`);
  services.set(key, { what, token: fencingToken });
  console.log(`deployed ${key}`);
}

const worker = client.worker({
  capabilities: ["service.*"],
  concurrency: 4,
  handle: async (task, work) => {
    for (const [at, { resource, after }] of (task.preview?.changes ?? []).entries()) {
      work.progress((100 * at) / (task.preview?.changes.length ?? 1), `deploying ${resource.key}`);
      await work.stash(resource.key, await running(resource.key));
      await deploy(resource.key, after, work.fencingToken(resource.key), work.signal);
    }
    return { output: { deployed: true } };
  },
  rollback: async (_, stash, work) => {
    for (const [key, before] of Object.entries(stash)) await deploy(key, before, work.fencingToken(key), work.signal);
  },
});
console.log("working; SIGTERM drains");
await worker.done;
