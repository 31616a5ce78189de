/** What is shipped, and what its start costs over that of the barest worker. */
import { readFileSync, rmSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { readWorkerDeclaration } from "../../src/cli/server/worker-declaration.ts";
import { freePort, temporaryFolder } from "../process.ts";
import { median, spread, spreadText } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const BUNDLE = `${PROJECT}dist/worker.js`;

export const bundle: Measure = async () => {
  const source = readFileSync(BUNDLE);
  const kib = gzipSync(source, { level: 9 }).byteLength / 1024;
  const result = `${kib.toFixed(0)} KiB (${(source.byteLength / 1024).toFixed(0)} KiB unpacked)`;
  return { rows: [{ measure: "worker bundle, gzip", target: "< 1 MiB", result, met: kib < 1024 }], data: { kib } };
};

/**
 * From the start of workerd to the first answer, less that of a worker with the same bindings and as many bytes that only says hello.
 * The bytes are a comment: Miniflare takes its time to hand a large script over, and no start on the platform waits for that.
 */
export const coldStart: Measure = async ({ rounds }) => {
  const { options, vars, rateLimits, databases } = readWorkerDeclaration(PROJECT);
  const d1Databases = Object.fromEntries(Object.keys(databases).map((binding) => [binding, binding]));
  const ours = { ...options, name: "ours", modules: true, bindings: vars, ratelimits: rateLimits, d1Databases };
  const hello = helloWith(classesOf(options.durableObjects));
  const padded = `${hello}\n/*${" ".repeat(statSync(BUNDLE).size - hello.length)}*/`;
  const samples: { ours: number; padded: number; hello: number }[] = [];
  for (let round = 0; round < Math.max(5, rounds); round += 1) {
    samples.push({
      hello: await firstAnswer({ ...ours, script: hello }),
      padded: await firstAnswer({ ...ours, script: padded }),
      ours: await firstAnswer({ ...ours, scriptPath: BUNDLE }),
    });
  }
  const costs = spread(samples.map((sample) => sample.ours - sample.padded));
  const handing = median(samples.map((sample) => sample.padded - sample.hello));
  return {
    rows: [
      {
        measure:
          "cold start: first answer of a new workerd, less that of a worker with our bindings and as many bytes that only says hello",
        target: "< 50 ms",
        result: `${spreadText(costs, 0)} ms; a hello takes ${median(samples.map((one) => one.hello)).toFixed(0)} ms, handing over as many bytes ${handing.toFixed(0)} ms`,
        met: costs.median < 50,
      },
    ],
    data: samples,
  };
};

function classesOf(bindings: unknown): string[] {
  return Object.values(bindings ?? {}).map((binding) => (typeof binding === "string" ? binding : binding.className));
}

function helloWith(classes: readonly string[]): string {
  return [
    'import { DurableObject } from "cloudflare:workers";',
    ...classes.map((name) => `export class ${name} extends DurableObject {}`),
    'export default { fetch: () => new Response("hello") };',
  ].join("\n");
}

async function firstAnswer(options: object): Promise<number> {
  const folder = temporaryFolder("cold");
  const port = await freePort();
  const began = performance.now();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...(options as { name: string; script: string }),
      resourcePersistencePath: folder,
      port: 0,
      cf: false,
      logRequests: false,
      handleStructuredLogs: () => undefined,
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
    }),
  );
  try {
    const url = await miniflare.unsafeGetDirectURL();
    await (await fetch(new URL("/healthz", url))).text();
    return performance.now() - began;
  } finally {
    await miniflare.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}
