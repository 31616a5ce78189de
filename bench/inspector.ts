/** workerd's inspector: profiles and heaps of the isolates of one server that was started with `INSPECTOR_PORT`. */

export interface Inspector {
  /** Asks one thing of the inspector's protocol and waits for its answer; rejects if it is refused. */
  readonly send: <Result>(method: string, params?: object) => Promise<Result>;
  readonly close: () => void;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/**
 * Attaches to one isolate.
 * @param isolate workerd's name for it: `core:user:countersign` is the worker with all its actors, `d1:db` the database
 */
export async function inspect(port: number, isolate = "core:user:countersign"): Promise<Inspector> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${isolate}`);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error(`the inspector refused ${isolate}`)), { once: true });
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  socket.addEventListener("message", ({ data }) => {
    const answer = JSON.parse(String(data)) as Answer;
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
  });
  let last = 0;
  return {
    send: <Result>(method: string, params: object = {}) =>
      new Promise<Result>((resolve, reject) => {
        last += 1;
        const id = last;
        waiting.set(id, ({ result, error }) => {
          waiting.delete(id);
          if (error === undefined) resolve(result as Result);
          else reject(new Error(`${method}: ${error.message}`));
        });
        socket.send(JSON.stringify({ id, method, params }));
      }),
    close: () => socket.close(),
  };
}

/** MiB of V8's heap that objects take in one isolate right now, garbage included. */
export async function heapUsed(inspector: Inspector): Promise<number> {
  const { usedSize } = await inspector.send<{ usedSize: number }>("Runtime.getHeapUsage");
  return usedSize / 2 ** 20;
}

/** MiB that are alive: a snapshot begins with a full collection, and workerd never answers `HeapProfiler.collectGarbage`. */
export async function heapAlive(inspector: Inspector): Promise<number> {
  await inspector.send("HeapProfiler.takeHeapSnapshot");
  return heapUsed(inspector);
}
