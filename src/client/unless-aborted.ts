/**
 * What was asked for. Should the signal be aborted first, this rejects with its reason at once, and what still comes of it is
 * handed to `late`, which never rejects.
 */
export function unlessAborted<T>(
  asked: Promise<T>,
  signal: AbortSignal | undefined,
  late: (value: T) => Promise<void>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      reject(signal?.reason);
      // Nothing came of it: there is nothing to give back.
      asked.then(late).catch(() => undefined);
    };
    signal?.addEventListener("abort", leave, { once: true });
    asked.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
  });
}
