/** A command in a process group of its own, so that whatever it starts ends with it. */
import { spawn } from "node:child_process";

export interface ChildOptions {
  /** On top of this process's own. */
  readonly env: Readonly<Record<string, string>>;
  /** When this is aborted the group gets SIGTERM, and SIGKILL after the grace. */
  readonly lost: AbortSignal;
  readonly graceMs: number;
}

export type ChildEnd =
  | { readonly how: "exited"; readonly code: number }
  | { readonly how: "signalled"; readonly signal: NodeJS.Signals }
  | { readonly how: "not found" | "not executable" };

export interface Child {
  /** Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Passes a signal on to the whole group. */
  readonly kill: (signal: NodeJS.Signals) => void;
}

export function runChild([file = "", ...args]: readonly string[], { env, lost, graceMs }: ChildOptions): Child {
  const child = spawn(file, args, { stdio: "inherit", detached: true, env: { ...process.env, ...env } });
  const kill = (signal: NodeJS.Signals) => killGroup(child.pid, signal);
  let killing: NodeJS.Timeout | undefined;
  const stop = () => {
    kill("SIGTERM");
    killing = setTimeout(() => kill("SIGKILL"), graceMs);
  };
  if (lost.aborted) stop();
  else lost.addEventListener("abort", stop, { once: true });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      resolve({ how: error.code === "ENOENT" ? "not found" : "not executable" }),
    );
    child.once("exit", (code, signal) =>
      resolve(signal === null ? { how: "exited", code: code ?? 0 } : { how: "signalled", signal }),
    );
  });
  return {
    kill,
    ended: ended.finally(() => {
      clearTimeout(killing);
      lost.removeEventListener("abort", stop);
      // Whatever it left behind when it was called off must not go on either.
      if (lost.aborted) kill("SIGKILL");
    }),
  };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (thrown) {
    // All of it has ended already.
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}
