import type { ChannelItem } from "../../client/index.ts";
import { isReset } from "../../client/index.ts";
import { plainLine } from "../terminal/plain-text.ts";
import type { Look } from "../terminal/table.ts";

/** An event in one line: when, which channel, what, and the plain values of its payload. */
export function eventLine(item: ChannelItem, { paint }: Look): string {
  if (isReset(item)) {
    return paint("yellow", `${plainLine(item.channel)}  what happened up to ${item.payload.seq} is no longer kept`);
  }
  const told = Object.entries(item.payload).flatMap(([name, value]) =>
    typeof value === "object" || name === "task_id" ? [] : [`${paint("dim", `${name}=`)}${plainLine(String(value))}`],
  );
  const at = item.timestamp.slice(11, 23);
  return [paint("dim", at), plainLine(item.channel), paint("cyan", plainLine(item.event)), ...told].join("  ");
}
