/**
 * `node bench/profile.ts heartbeat`: a CPU profile of workerd under one measure's load, through its inspector, into
 * bench/results/{measure}.cpuprofile (open it in Chrome DevTools), and the functions that took most time by themselves.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startCountersign } from "./contestants/countersign.ts";
import { inspect } from "./inspector.ts";
import { loadNamed } from "./loads.ts";
import { freePort } from "./process.ts";

const SECONDS = 8;
const SHOWN = 30;

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
}

const [name = "heartbeat"] = process.argv.slice(2);
const load = loadNamed(name);
const inspectorPort = await freePort();
const server = await startCountersign(undefined, { INSPECTOR_PORT: String(inspectorPort) });
const inspector = await inspect(inspectorPort);
await inspector.send("Profiler.enable");
await inspector.send("Profiler.setSamplingInterval", { interval: 200 });
await inspector.send("Profiler.start");
await load(server, SECONDS);
const { profile } = await inspector.send<{ profile: Profile }>("Profiler.stop");
inspector.close();
await server.stop();
const file = fileURLToPath(new URL(`results/${name}.cpuprofile`, import.meta.url));
writeFileSync(file, JSON.stringify(profile));
for (const line of hottest(profile)) console.log(line);

/** Functions by their own share of the samples that were not idle. */
function hottest({ nodes, samples }: Profile): string[] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, lineNumber } }) => [
      id,
      `${functionName || "(anonymous)"}:${lineNumber}`,
    ]),
  );
  const own = new Map<string, number>();
  let busy = 0;
  for (const id of samples) {
    const called = names.get(id) ?? "?";
    if (called.startsWith("(idle)")) continue;
    busy += 1;
    own.set(called, (own.get(called) ?? 0) + 1);
  }
  return [...own]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([called, count]) => `${((count * 100) / busy).toFixed(1).padStart(5)} %  ${called}`);
}
