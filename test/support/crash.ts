/** How servers die: all their processes at one instant, whatever they are doing. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, type Server, startServer, until } from "./server.ts";

/** `kill -9` of the whole server, Node and workerd, at this instant. */
export async function crash(server: Server): Promise<void> {
  const workerd = server.workerd();
  // Node first, and both in one turn: it must not have the time to start another workerd.
  const ended = server.end("SIGKILL");
  if (isRunning(workerd)) process.kill(workerd, "SIGKILL");
  await ended;
  await until(() => !isRunning(workerd));
}

/** Starts a server on a state directory and kills it `after` ms from when it took the directory, most likely before it is ready. */
export async function crashWhileStarting(env: Readonly<Record<string, string>>, after: number): Promise<void> {
  const owner = join(env.STATE_DIR ?? "", "server.pid");
  const ownerNow = () => (existsSync(owner) ? readFileSync(owner, "utf8") : "");
  const before = ownerNow();
  const started = startServer(env).then(
    () => undefined,
    () => undefined, // killed before it was ready, as it should
  );
  await until(() => ownerNow() !== before && ownerNow().endsWith("\n"));
  const pid = Number(ownerNow());
  await new Promise((resolve) => setTimeout(resolve, after));
  process.kill(pid, "SIGKILL");
  await started;
  await until(() => !isRunning(pid));
}
