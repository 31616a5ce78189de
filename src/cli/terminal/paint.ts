/** Colour, where it is wanted. */
import { styleText } from "node:util";

export type Ink = Parameters<typeof styleText>[0];

/** Gives text a colour or a weight, or leaves it as it is. */
export type Paint = (ink: Ink, text: string) => string;

/** Whether to write in colour: NO_COLOR (no-color.org) beats FORCE_COLOR, and both what the stream is. */
export function isColoured(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  return isTerminal && env.TERM !== "dumb";
}

export function paintOf(coloured: boolean): Paint {
  return coloured ? (ink, text) => styleText(ink, text, { validateStream: false }) : (_, text) => text;
}
