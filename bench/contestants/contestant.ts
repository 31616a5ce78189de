/** Something that can lock: the floor, Countersign, and its peers, all driven by the same program. */

export interface Contestant {
  readonly name: string;
  /** Version and the settings that matter. */
  readonly settings: string;
  /** Why it can only be asked by one client at a time; undefined: by any number. */
  readonly soleClient?: string;
  /** A client with a connection and a session of its own. */
  client(n: number): Promise<LockClient>;
  stop(): Promise<void>;
}

export interface LockClient {
  /** Takes the exclusive lock `key` and gives it back; both are durable when this resolves. */
  pair(key: string): Promise<void>;
  close(): Promise<void>;
}

/** A contestant that this machine cannot run, and why. */
export interface Absent {
  readonly name: string;
  readonly absent: string;
}

export function isAbsent(one: Contestant | Absent): one is Absent {
  return "absent" in one;
}
