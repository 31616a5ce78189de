/** What the doctor makes of what it measured: pure, so that every ailment can be tested. */

/** What came of asking; `error` in words. */
export type Probe<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

export interface Measured {
  readonly url: string;
  /** GET /healthz: how long it took (ms), and how far the server's clock is ahead (ms; undefined: it did not say). */
  readonly health: Probe<{ readonly took_ms: number; readonly skew_ms: number | undefined }>;
  /** GET /readyz: what does not work */
  readonly readiness: Probe<{ readonly failing: readonly string[] }>;
  /** GET /me; undefined: there is no token */
  readonly token: Probe<{ readonly id: string; readonly kind: string; readonly workspace: string }> | undefined;
  readonly wantedWorkspace: string | undefined;
  /** Of this command, and of the server. */
  readonly versions: { readonly own: string; readonly server: Probe<string> };
}

export interface Finding {
  readonly check: "url" | "health" | "readiness" | "clock" | "version" | "token" | "workspace";
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly told: string;
  /** How to mend it. */
  readonly fix?: string;
}

/** Leases are counted by durations, not by clocks; but people compare times, and links and tokens expire by them. */
const SKEW_MS = 5_000;
const SLOW_MS = 2_000;

export function findingsOf(measured: Measured): Finding[] {
  const { url, health, readiness, token, wantedWorkspace, versions } = measured;
  return [
    urlFinding(url),
    healthFinding(health),
    readinessFinding(readiness, health.ok),
    clockFinding(health),
    versionFinding(versions, health.ok),
    ...tokenFindings(token, health.ok, wantedWorkspace),
  ];
}

function urlFinding(url: string): Finding {
  const { protocol, hostname } = new URL(url);
  const local = /^(localhost|127\.|\[::1\])/.test(hostname);
  if (protocol === "https:" || local) return { check: "url", status: "ok", told: url };
  return {
    check: "url",
    status: "warning",
    told: `${url} is not encrypted: tokens can be read on the way`,
    fix: "use https",
  };
}

function healthFinding(health: Measured["health"]): Finding {
  if (!health.ok) {
    const fix = "is the server running (`npm start`), and is this its URL? COUNTERSIGN_URL or --url sets it";
    return { check: "health", status: "failed", told: health.error, fix };
  }
  const { took_ms } = health.value;
  const told = `answers in ${Math.round(took_ms)} ms`;
  if (took_ms < SLOW_MS) return { check: "health", status: "ok", told };
  return { check: "health", status: "warning", told, fix: "look at the network and at the load of the server" };
}

function readinessFinding(readiness: Measured["readiness"], reached: boolean): Finding {
  if (!reached) return skipped("readiness");
  if (!readiness.ok) return { check: "readiness", status: "failed", told: readiness.error, fix: OPERATIONS };
  const { failing } = readiness.value;
  if (failing.length === 0) return { check: "readiness", status: "ok", told: "database and coordinator answer" };
  return { check: "readiness", status: "failed", told: `${failing.join(", ")} does not answer`, fix: OPERATIONS };
}

const OPERATIONS = "docs/operations.md says what to do; the server's log names the cause";

function clockFinding(health: Measured["health"]): Finding {
  if (!health.ok) return skipped("clock");
  const { skew_ms } = health.value;
  if (skew_ms === undefined) return { check: "clock", status: "skipped", told: "the server does not tell its time" };
  if (Math.abs(skew_ms) <= SKEW_MS) return { check: "clock", status: "ok", told: "agrees with the server's" };
  const told = `this machine's is ${Math.round(Math.abs(skew_ms) / 1000)} s ${skew_ms > 0 ? "behind" : "ahead"}`;
  return {
    check: "clock",
    status: "warning",
    told,
    fix: "synchronise it (NTP): expiries are told by the server's clock",
  };
}

function versionFinding({ own, server }: Measured["versions"], reached: boolean): Finding {
  if (!reached) return skipped("version");
  if (!server.ok)
    return { check: "version", status: "warning", told: server.error, fix: "is this a Countersign server?" };
  const [ours, theirs] = [own, server.value].map((version) => version.split(".")[0]);
  if (ours === theirs) return { check: "version", status: "ok", told: `${own}, server ${server.value}` };
  return {
    check: "version",
    status: "warning",
    told: `${own}, but the server is ${server.value}`,
    fix: `install countersign@${server.value}`,
  };
}

function tokenFindings(token: Measured["token"], reached: boolean, wanted: string | undefined): Finding[] {
  if (token === undefined) {
    return [
      {
        check: "token",
        status: "failed",
        told: "there is none",
        fix: "run `countersign login`, or set COUNTERSIGN_TOKEN",
      },
      skipped("workspace", NO_TOKEN),
    ];
  }
  if (!reached) return [skipped("token"), skipped("workspace")];
  if (!token.ok) {
    const fix = "ask an admin for a new one (POST /users/{id}/tokens), then `countersign login`";
    return [{ check: "token", status: "failed", told: token.error, fix }, skipped("workspace", NO_TOKEN)];
  }
  const { id, kind, workspace } = token.value;
  const mine: Finding = { check: "token", status: "ok", told: `${kind} ${id}` };
  if (wanted === undefined || wanted === workspace)
    return [mine, { check: "workspace", status: "ok", told: workspace }];
  const told = `${wanted} is wanted, the token is for ${workspace}`;
  return [
    mine,
    {
      check: "workspace",
      status: "warning",
      told,
      fix: "unset COUNTERSIGN_WORKSPACE, or use a token of that workspace",
    },
  ];
}

const NO_TOKEN = "there is no token that works";

function skipped(check: Finding["check"], why = "the server does not answer"): Finding {
  return { check, status: "skipped", told: `not asked: ${why}` };
}
