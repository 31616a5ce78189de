/** Which channels a socket gets of those that it asks for (05-realtime-and-audit, "WebSocket"). Pure. */
import { type Failure, fail, type Result } from "../actor/result.ts";
import { channelName, channelNamed, mayHave } from "./channels.ts";
import type { Holder } from "./holder.ts";

export const CHANNELS_PER_SOCKET = 100;

export interface Admission {
  /** By the channel's own name: from after which seq, undefined for what comes next. */
  readonly wanted: ReadonlyMap<string, number | undefined>;
  /** Each by the name that the client used. */
  readonly refused: ReadonlyMap<string, Failure>;
}

/** `has`: the channels that the socket is subscribed to already. Whether those wanted exist is still to be found out. */
export function admission(
  holder: Holder,
  has: ReadonlySet<string>,
  names: readonly string[],
  since: Readonly<Record<string, number>> = {},
): Admission {
  const wanted = new Map<string, number | undefined>();
  const refused = new Map<string, Failure>();
  let room = CHANNELS_PER_SOCKET - has.size;
  for (const text of new Set(names)) {
    const named = allowed(text, holder);
    if (!named.ok) {
      refused.set(text, named.error);
      continue;
    }
    const isNew = !has.has(named.value) && !wanted.has(named.value);
    if (isNew && room === 0) {
      const message = `a socket has at most ${CHANNELS_PER_SOCKET} channels`;
      refused.set(text, fail("RATE_LIMITED", message).error);
      continue;
    }
    if (isNew) room -= 1;
    wanted.set(named.value, Object.hasOwn(since, text) ? since[text] : undefined);
  }
  return { wanted, refused };
}

function allowed(text: string, holder: Holder): Result<string> {
  const channel = channelNamed(text);
  if (!channel.ok) return channel;
  const may = mayHave(channel.value, holder);
  return may.ok ? { ok: true, value: channelName(channel.value) } : may;
}
