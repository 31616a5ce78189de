import type { Meeting } from "./scenario.ts";

/** Something that runs the scenario. */
export interface Runtime {
  readonly name: string;
  /** Where its pages are from, if it has any: their origin needs leave to call. */
  readonly origin?: string;
  /** Its version; undefined if it is not installed. */
  version(): Promise<string | undefined>;
  /** How to get it. */
  readonly missing: string;
  run(meeting: Meeting, tell: (step: string) => void): Promise<void>;
}
