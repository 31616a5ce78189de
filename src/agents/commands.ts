/** What an agent is told to do, until it shows that it knows (02, "Agents"; 05). Pure; the agent's actor keeps the list. */
import { Lease } from "../locks/contract.ts";
import { z } from "../zod.ts";

export const Command = z.lazy(() =>
  z
    .strictObject({
      command: z.enum(["task:apply", "cancel", "drain"]),
      task_id: z.uuid().optional(),
      leases: z.array(Lease).optional(),
    })
    .openapi("AgentCommand"),
);
export type Command = z.infer<typeof Command>;

/** A command for as long as a permit of this session is held. */
export interface Standing {
  readonly session_id: string;
  readonly command: Command;
}

/** With this command; an earlier one of the same session and name is replaced, those of sessions that are `over` go. */
export function commanded(
  standing: readonly Standing[],
  added: Standing,
  isOver: (sessionId: string) => boolean,
): readonly Standing[] {
  const others = standing.filter(({ session_id, command }) => {
    const replaced = session_id === added.session_id && command.command === added.command.command;
    return !replaced && !isOver(session_id);
  });
  return [...others, added];
}

/** Without what the agent knows by now: it works under the leases that `task:apply` brought. */
export function understood(standing: readonly Standing[], sessionId: string): readonly Standing[] {
  return standing.filter(({ session_id, command }) => session_id !== sessionId || command.command !== "task:apply");
}

/** What is to be handed out. */
export function due(standing: readonly Standing[], isOver: (sessionId: string) => boolean): Command[] {
  return standing.filter(({ session_id }) => !isOver(session_id)).map(({ command }) => command);
}
