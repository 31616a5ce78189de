import { StartFailure } from "./start-failure.ts";

/** Ends the process with code 1: in the operator's own words if the operator can mend it, with the stack if it is a bug. */
export function reportFailure(error: unknown): never {
  console.error(error instanceof StartFailure ? `countersign: ${error.message}` : error);
  process.exit(1);
}
