/** Locks as people read them. */
import type { Schema } from "../../client/index.ts";
import { elapsed } from "../terminal/elapsed.ts";
import { plainLine } from "../terminal/plain-text.ts";
import { type Column, type Look, table } from "../terminal/table.ts";
import { stateInk } from "./inks.ts";

type Lock = Schema<"Lock">;

const COLUMNS = (now: number): readonly Column<Schema<"LockInfo">>[] => [
  { title: "LOCK", text: ({ id }) => id },
  {
    title: "ON",
    text: (lock) => `${lock.resource_type === "resource" ? "" : `${lock.resource_type} `}${lock.resource_id}`,
    flexible: true,
  },
  { title: "STATUS", text: ({ status }) => status, ink: ({ status }) => stateInk(status) },
  { title: "MODE", text: ({ mode }) => mode },
  { title: "HOLDER", text: ({ holders }) => holders.map(({ agent_id }) => agent_id).join(", "), flexible: true },
  { title: "ENDS", text: ({ expires_at }) => elapsed(expires_at, now) },
  { title: "WAITING", text: ({ queue }) => String(queue.length) },
  { title: "PURPOSE", text: ({ holder }) => holder?.purpose ?? "", flexible: true },
];

export function lockTable(locks: readonly Schema<"LockInfo">[], look: Look): string {
  return table(COLUMNS(look.now), locks, look);
}

export function lockView(lock: Lock, { paint, now }: Look): string {
  const told: readonly [string, string | undefined][] = [
    ["lock", lock.id],
    ["on", lock.resource_id],
    ["mode", lock.mode],
    ["fencing token", lock.fencing_token?.toString()],
    ["ends", lock.expires_at === undefined ? undefined : elapsed(lock.expires_at, now)],
    ["in line", lock.queue_position?.toString()],
    ["holder", lock.acquired ? undefined : lock.holder?.agent_id],
  ];
  const lines = told.flatMap(([name, value]) =>
    value === undefined ? [] : [`${paint("dim", name.padEnd(13))} ${plainLine(value)}`],
  );
  return [paint(stateInk(lock.status) ?? "dim", lock.status), ...lines].join("\n");
}

export function graphView({ edges }: Schema<"WaitForGraph">, { paint, now }: Look): string {
  if (edges.length === 0) return paint("dim", "nobody waits for anybody");
  const told = ({ agent_id, session_id }: { agent_id: string; session_id: string }) =>
    plainLine(agent_id === session_id ? agent_id : `${agent_id} (${session_id})`);
  return edges
    .map(
      (edge) =>
        `${told(edge.from)} ${paint("yellow", "waits for")} ${told(edge.to)} on ${plainLine(edge.resource_id)} ${paint("dim", `since ${elapsed(edge.since, now)}`)}`,
    )
    .join("\n");
}
