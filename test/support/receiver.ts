/** Receivers of webhooks in place of the network: every host of its own, answering as it is told, and verifying what comes. */
import { Webhook } from "standardwebhooks";
import { expect, vi } from "vitest";
import type { Api } from "./api.ts";
import { eventually, ok } from "./stage.ts";

export interface Received {
  /** the `webhook-id` */
  readonly id: string;
  readonly body: string;
  readonly headers: Record<string, string>;
  readonly message: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

export type Answer = (received: Received) => Response | Promise<Response>;

export class Receiver {
  readonly url: string;
  readonly received: Received[] = [];
  /** The answer to whatever comes from now on. */
  answer: Answer;

  constructor(answer: Answer = () => new Response(null, { status: 204 })) {
    this.url = `https://${crypto.randomUUID()}.example.com/hook`;
    this.answer = answer;
    receivers.set(this.url, this);
  }

  /** All that came, once it is `n` messages and no more. */
  async has(n: number): Promise<readonly Received[]> {
    return eventually(async () => {
      expect(this.received).toHaveLength(n);
      return this.received;
    });
  }

  /** The types of what came, in order. */
  get types(): string[] {
    return this.received.map(({ message }) => message.type);
  }
}

const receivers = new Map<string, Receiver>();

/** Lets every receiver hear what is sent to it; anything else cannot be reached. Undone by `vi.restoreAllMocks`. */
export function listen(): void {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    const receiver = receivers.get(String(url));
    if (receiver === undefined) throw new Error(`nobody is at ${url}`);
    expect(init).toMatchObject({ method: "POST", redirect: "manual" });
    const headers = Object.fromEntries(new Headers(init?.headers));
    const body = String(init?.body);
    const received = { id: headers["webhook-id"] ?? "", body, headers, message: JSON.parse(body) };
    receiver.received.push(received);
    return receiver.answer(received);
  });
}

/** Whether a receiver that holds this secret believes it; as of the clock of the test. */
export function believes(secret: string, { body, headers }: Received): boolean {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

export interface Made {
  readonly webhook: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly secret: string;
}

export async function hook(admin: Api, receiver: Receiver, more: object = {}): Promise<Made> {
  const body = { name: "a hook", url: receiver.url, events: ["**"], ...more };
  return ok<Made>(await admin.post("/webhooks", body), 201);
}
