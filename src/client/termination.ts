/** SIGTERM, where the runtime has signals (Node, Deno, Bun); elsewhere nothing happens. */

interface Signals {
  once(signal: "SIGTERM", listener: () => void): unknown;
  off(signal: "SIGTERM", listener: () => void): unknown;
}

/** @returns to call once nobody listens any more: then the signal ends the process again */
export function onTermination(listener: () => void): () => void {
  const { process } = globalThis as { readonly process?: Partial<Signals> };
  if (process?.once === undefined || process.off === undefined) return () => undefined;
  const { once, off } = process;
  once.call(process, "SIGTERM", listener);
  return () => void off.call(process, "SIGTERM", listener);
}
