/** One structured JSON line (05-realtime-and-audit, "Structured logs"). Never a token, never a body. */
export function log(level: "info" | "warn" | "error", event: string, fields: Record<string, unknown> = {}): void {
  const line = JSON.stringify({ level, event, ...fields });
  if (level === "error") console.error(line);
  else console.log(line);
}

/** How long a line may wait for others, and how long to trust who promised to write them (ms). */
const LINGER_MS = 5;
const TRUST_MS = 1_000;
let waiting: (() => void)[] = [];
let promised = 0;

/**
 * As {@link log}, once the answer is on its way and with the lines of other requests: writing it at once costs a quarter of a
 * heartbeat's time. The promise, if it is this request that writes them, is to be kept alive.
 */
export function logSoon(...line: Parameters<typeof log>): Promise<void> | undefined {
  waiting.push(() => log(...line));
  const now = Date.now();
  // The runtime may end a request together with what it promised.
  if (waiting.length > 1 && Math.abs(now - promised) < TRUST_MS) return undefined;
  promised = now;
  return scheduler.wait(LINGER_MS).then(writeWaiting);
}

function writeWaiting(): void {
  const writes = waiting;
  waiting = [];
  for (const write of writes) write();
}

/** The part of a thrown value that may be logged. */
export function causeOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
