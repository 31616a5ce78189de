/** `countersign events tail` */
import type { Command } from "commander";
import { eventLine } from "../views/event-line.ts";
import type { Cli } from "./cli.ts";
import { leaf, whole } from "./options.ts";

interface TailFlags {
  readonly since?: number;
  readonly count?: number;
  readonly timeout?: number;
}

export function eventCommands(program: Command, cli: Cli): void {
  const events = program.command("events").description("what happens, as it happens");
  leaf(events, "tail <channels...>", "follow channels: task:ID, user:ID, agent:ID, resource:KEY, locks, system")
    .option("--since <seq>", "from after this event on; 0: all that is kept", whole(0, 999_999_999_999))
    .option("--count <n>", "end after so many", whole(1, 1_000_000))
    .option("--timeout <seconds>", "end after so long", whole(1, 31_536_000))
    .action(async (channels: readonly string[], { since, count, timeout }: TailFlags) => {
      const signal = timeout === undefined ? undefined : AbortSignal.timeout(timeout * 1000);
      let seen = 0;
      for await (const item of cli.client().events(channels, { signal, ...(since !== undefined && { since }) })) {
        cli.item(item, (look) => eventLine(item, look));
        seen += 1;
        if (seen === count) return;
      }
    });
}
