/**
 * The token with which an executor works on one attempt of one task: `cst_{workspace}.{task id}.{attempt}.{mac}`. Kept nowhere:
 * the MAC under the root token proves it, and the task itself knows whether that attempt is still under way. Pure.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface TaskToken {
  readonly workspace: string;
  readonly task_id: string;
  readonly attempt: number;
}

const PREFIX = "cst_";
const SHAPE = /^cst_([a-z0-9-]{1,64})\.([0-9a-f-]{36})\.([0-9]{1,6})\.([0-9a-f]{64})$/;

export function taskToken(rootToken: string, { workspace, task_id, attempt }: TaskToken): string {
  const text = `${workspace}.${task_id}.${attempt}`;
  return `${PREFIX}${text}.${mac(rootToken, text)}`;
}

/** What the token stands for; null if we did not make it. */
export function readTaskToken(rootToken: string, token: string): TaskToken | null {
  const [, workspace, task_id, attempt, given] = SHAPE.exec(token) ?? [];
  if (workspace === undefined || task_id === undefined || attempt === undefined || given === undefined) return null;
  const expected = mac(rootToken, `${workspace}.${task_id}.${attempt}`);
  if (!timingSafeEqual(Buffer.from(given), Buffer.from(expected))) return null;
  return { workspace, task_id, attempt: Number(attempt) };
}

export function looksLikeTaskToken(token: string): boolean {
  return token.startsWith(PREFIX);
}

function mac(rootToken: string, text: string): string {
  return createHmac("sha256", rootToken).update(`task-token:${text}`).digest("hex");
}
