/**
 * Where webhooks may go (03, "Execution"; docs/design/executors.md): https to public addresses. Names are judged as they are written,
 * since a worker cannot resolve them; the platform itself reaches no private network. Pure.
 */
const LOCAL_NAMES = /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa)\.?$/;

/** IPv4 blocks that are not public (RFC 6890 and successors): first address and prefix length. */
const PRIVATE_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** `issue` goes on after the name of whose address it is: "must be https". */
export type JudgedAddress = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly issue: string };

/** Accepts an address that a webhook may be sent to. `allowPrivate` is for tests and for machines of one's own. */
export function webhookAddress(text: string, allowPrivate: boolean): JudgedAddress {
  const url = URL.parse(text);
  if (url === null) return refuse("is not a URL");
  if (url.username !== "" || url.password !== "") return refuse("must not hold a user or password");
  const local = isPrivateHost(url.hostname);
  if (url.protocol !== "https:" && !(allowPrivate && local && url.protocol === "http:")) return refuse("must be https");
  if (local && !allowPrivate) return refuse("must not be a private or loopback address");
  return { ok: true, url };
}

function refuse(issue: string): JudgedAddress {
  return { ok: false, issue };
}

/** Whether a host, as the URL parser writes it, is a loopback, private, link-local or otherwise not public one. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.toLowerCase();
  if (host.startsWith("[")) return isPrivateV6(host.slice(1, -1));
  const v4 = v4Bits(host);
  if (v4 !== undefined) return isPrivateV4(v4);
  // A name without a dot is only found inside a network.
  return LOCAL_NAMES.test(host) || !host.replace(/\.$/, "").includes(".");
}

/** The parser has turned every spelling (decimal, hex, octal) into four decimal parts. */
function v4Bits(host: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1).map(Number);
  return parts?.reduce((bits, part) => bits * 256 + part, 0);
}

function isPrivateV4(bits: number): boolean {
  return PRIVATE_V4.some(([first, length]) => {
    const size = 2 ** (32 - length);
    return Math.floor(bits / size) === Math.floor((v4Bits(first) ?? 0) / size);
  });
}

/** Only global unicast (2000::/3) is public, less documentation, 6to4 and Teredo, which may carry a private IPv4 address. */
function isPrivateV6(host: string): boolean {
  const groups = v6Groups(host);
  const [first = 0, second = 0] = groups;
  if (first < 0x2000 || first > 0x3fff) return true;
  return first === 0x2002 || (first === 0x2001 && (second === 0 || second === 0xdb8));
}

function v6Groups(host: string): number[] {
  const [head = "", tail] = host.split("::");
  const parse = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const start = parse(head);
  if (tail === undefined) return start;
  const end = parse(tail);
  return [...start, ...new Array<number>(Math.max(0, 8 - start.length - end.length)).fill(0), ...end];
}
