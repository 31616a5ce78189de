/** Options that commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from "commander";

/** A command with the options that every one takes. */
export function leaf(parent: Command, signature: string, summary: string): Command {
  return common(parent.command(signature).description(summary));
}

export function common(command: Command): Command {
  return command
    .option("--json", "machine-readable: one JSON value, or a line of JSON per event")
    .option("--url <url>", "the server (COUNTERSIGN_URL)")
    .option("--profile <name>", "the stored login to use (COUNTERSIGN_PROFILE)")
    .option("--workspace <name>", "another workspace, root only (COUNTERSIGN_WORKSPACE)")
    .option("--no-color", "without colour (NO_COLOR)");
}

/** A list takes one page after the other. */
export function paged(command: Command): Command {
  return command
    .option("--limit <n>", "how many, 1 to 100", whole(1, 100))
    .option("--page <n>", "which page", whole(1, 1_000_000))
    .option("--cursor <cursor>", "goes on where an answer's next_cursor says");
}

export interface Paging {
  readonly limit?: number;
  readonly page?: number;
  readonly cursor?: string;
}

export function paging({ limit, page, cursor }: Paging): Paging {
  return { ...(limit !== undefined && { limit }), ...(page !== undefined && { page }), ...(cursor && { cursor }) };
}

/** Reads a whole number within bounds. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** May be given several times. */
export function several(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** An option that takes one of these. */
export function oneOf(flags: string, summary: string, choices: readonly string[]): Option {
  return new Option(flags, summary).choices(choices);
}

/** Without what is undefined: what a query or a body takes. */
export function given<T extends object>(values: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  // What is left out is optional wherever this is used: an option that was not given.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}
