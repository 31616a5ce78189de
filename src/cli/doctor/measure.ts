/** Asks what the doctor wants to know. */
import { isCountersignError } from "../../client/index.ts";
import type { Cli } from "../commands/cli.ts";
import type { Measured, Probe } from "./findings.ts";

const PATIENCE_MS = 10_000;

/** Health, readiness and version lie outside the API that the client speaks: pages that anybody may ask for. */
export async function measure(cli: Cli, own: string): Promise<Measured> {
  const { url, token, workspace } = cli.connection();
  const health = await probed(async () => {
    const begun = Date.now();
    const started = performance.now();
    const response = await asked(`${url}/healthz`);
    const took_ms = performance.now() - started;
    if (!response.ok) throw new Error(`GET /healthz: HTTP ${response.status}`);
    return { took_ms, skew_ms: await serverAhead(response, begun) };
  });
  const [readiness, server, identity] = health.ok
    ? await Promise.all([probed(() => failingParts(url)), probed(() => serverVersion(url)), identified(cli, token)])
    : [health, health, token === undefined ? undefined : health];
  return { url, health, readiness, token: identity, wantedWorkspace: workspace, versions: { own, server } };
}

/** How far the server's clock is ahead of the middle of the exchange (ms); undefined if the server does not tell its time. */
async function serverAhead(response: Response, begun: number): Promise<number | undefined> {
  const { timestamp = "" } = (await response.json()) as { timestamp?: string };
  const told = Date.parse(timestamp);
  return Number.isNaN(told) ? undefined : told - (begun + Date.now()) / 2;
}

async function identified(cli: Cli, token: string | undefined): Promise<Measured["token"]> {
  return token === undefined ? undefined : probed(() => cli.client().users.me({ deadlineMs: PATIENCE_MS }));
}

async function failingParts(url: string): Promise<{ failing: string[] }> {
  const { checks = {} } = (await (await asked(`${url}/readyz`)).json()) as { checks?: Record<string, string> };
  return { failing: Object.entries(checks).flatMap(([part, state]) => (state === "ok" ? [] : [part])) };
}

async function serverVersion(url: string): Promise<string> {
  const { info } = (await (await asked(`${url}/openapi.json`)).json()) as { info?: { version?: string } };
  if (info?.version === undefined) throw new Error("GET /openapi.json names no version");
  return info.version;
}

function asked(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function probed<T>(work: () => Promise<T>): Promise<Probe<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    if (isCountersignError(thrown)) return { ok: false, error: `${thrown.message} (${thrown.code})` };
    const { message, cause } = thrown as Error;
    return { ok: false, error: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }
}
