/**
 * An export or a retention file checked by itself, line by line, without server or database (docs/design/audit-export.md). What is
 * kept is one link per chain, however long the file is. No I/O.
 */
import { createHash } from "node:crypto";
import { canonicalJson, GENESIS, linkHash } from "../actor/journal.ts";
import type { ChainLine, Seal } from "./retention-contract.ts";
import { isSigned } from "./signature.ts";

export type OfflineProblemKind =
  /** its content does not give its hash */
  | "altered"
  /** it does not follow the row of its chain before it: one between them was removed, put in, or left out by a filter */
  | "unlinked"
  /** it is not JSON as an export writes it: of a repeated key, readers may disagree which one counts */
  | "respelled"
  /** the signed end says otherwise of the rows of this chain, or of the file */
  | "contradicted"
  /** the last line was not signed with the expected key */
  | "unsigned"
  /** there are other lines after the signed one */
  | "appended"
  /** there are fewer or more rows than expected */
  | "incomplete";

export interface OfflineProblem {
  /** counted from 1; 0: the file as a whole */
  readonly line: number;
  readonly problem: OfflineProblemKind;
  readonly chain?: string;
  readonly seq?: number;
}

export interface OfflineVerdict {
  readonly valid: boolean;
  readonly rows: number;
  readonly chains: number;
  /** chains that begin in the middle: what came before is not in the file */
  readonly begin_later: number;
  /** places where a filter may have left rows out; only counted if the file is said to be filtered */
  readonly gaps: number;
  /** the first of them */
  readonly problems: readonly OfflineProblem[];
  readonly problems_total: number;
  readonly sealed: Pick<Seal, "retention" | "public_key"> | null;
  readonly not_proven: readonly string[];
}

export interface OfflineOptions {
  /** Rows may be left out: the file was exported with filters. */
  readonly filtered?: boolean;
  /** The workspace's public key (base64url) that a signed file must be signed with. */
  readonly publicKey?: string | undefined;
  /** The rows that there must be: what the header Audit-Rows said. */
  readonly rows?: number | undefined;
}

/** The file is no export at all, or was cut off within a line. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

interface Row {
  readonly workspace: string;
  readonly actor: string;
  readonly seq: number;
  readonly prev_hash: string;
  readonly hash: string;
}

/** How far a chain was followed. */
interface Followed {
  readonly actor: string;
  readonly first: string;
  seq: number;
  hash: string;
  rows: number;
}

const MAX_PROBLEMS = 100;

export class OfflineCheck {
  readonly #options: OfflineOptions;
  readonly #chains = new Map<string, Followed>();
  readonly #digest = createHash("sha256");
  readonly #problems: OfflineProblem[] = [];
  #problemsTotal = 0;
  #line = 0;
  #rows = 0;
  #gaps = 0;
  /** The chain of the last row. */
  #latest: Followed | undefined;
  #seal: Seal | undefined;

  constructor(options: OfflineOptions = {}) {
    this.#options = options;
  }

  /** Checks the next line, given without its end. Throws {@link Unreadable} on what is no line of an export. */
  take(text: string): void {
    this.#line += 1;
    const value = this.#parsed(text);
    if (this.#seal !== undefined) {
      this.#found("appended");
      return;
    }
    if (JSON.stringify(value) !== text) this.#found("respelled");
    if (isSeal(value)) {
      this.#endsWith(value);
      return;
    }
    this.#digest.update(text).update("\n");
    if (isChainLine(value)) this.#chainEnds(value);
    else if (isRow(value)) this.#follow(value);
    else throw new Unreadable(`line ${this.#line} is no row of the trail`);
  }

  async verdict(): Promise<OfflineVerdict> {
    const { filtered = false, publicKey, rows } = this.#options;
    const seal = this.#seal;
    if (seal !== undefined) {
      const expected = publicKey ?? seal.public_key;
      if (!(await isSigned(expected, seal.retention, seal.signature))) this.#found("unsigned");
    } else if (publicKey !== undefined) this.#found("unsigned");
    if (rows !== undefined && rows !== this.#rows) this.#found("incomplete", {}, 0);
    const begin_later = [...this.#chains.values()].filter(({ first }) => first !== GENESIS).length;
    return {
      valid: this.#problemsTotal === 0,
      rows: this.#rows,
      chains: this.#chains.size,
      begin_later,
      gaps: this.#gaps,
      problems: this.#problems,
      problems_total: this.#problemsTotal,
      sealed: seal === undefined ? null : { retention: seal.retention, public_key: seal.public_key },
      not_proven: notProven({ filtered, begin_later, sealed: seal !== undefined, pinned: publicKey !== undefined }),
    };
  }

  #parsed(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new Unreadable(`line ${this.#line} is not JSON: no NDJSON export, or cut off`);
    }
  }

  #follow(row: Row): void {
    const { workspace, actor, seq, prev_hash, hash } = row;
    const chain = `${workspace}/${actor}`;
    const place = { chain: actor, seq };
    this.#rows += 1;
    if (linkHash(prev_hash, canonicalJson(entryIn(row))) !== hash) this.#found("altered", place);
    const last = this.#chains.get(chain);
    if (last === undefined) {
      this.#latest = { actor, first: prev_hash, seq, hash, rows: 1 };
      this.#chains.set(chain, this.#latest);
      return;
    }
    this.#latest = last;
    if (prev_hash !== last.hash || seq <= last.seq) {
      if (this.#options.filtered && seq > last.seq + 1) this.#gaps += 1;
      else this.#found("unlinked", place);
    }
    last.seq = seq;
    last.hash = hash;
    last.rows += 1;
  }

  /** A retention file says of each chain where its rows begin and end. */
  #chainEnds({ chain: { actor, from, to, rows } }: ChainLine): void {
    const last = this.#latest;
    const ends = last?.actor === actor && last.seq === to.seq && last.hash === to.hash;
    if (!ends || last.first !== from.hash || last.rows !== rows)
      this.#found("contradicted", { chain: actor, seq: to.seq });
  }

  #endsWith(seal: Seal): void {
    this.#seal = seal;
    const { rows, chains, sha256 } = seal.retention;
    const same = rows === this.#rows && chains === this.#chains.size && sha256 === this.#digest.digest("hex");
    if (!same) this.#found("contradicted");
  }

  #found(problem: OfflineProblemKind, place: { chain?: string; seq?: number } = {}, line = this.#line): void {
    this.#problemsTotal += 1;
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ line, problem, ...place });
  }
}

function entryIn({ id: _id, prev_hash: _prev, hash: _hash, ...entry }: Row & { id?: unknown }): object {
  return entry;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRow(value: unknown): value is Row {
  if (!isObject(value)) return false;
  const texts = [value.workspace, value.actor, value.prev_hash, value.hash];
  return texts.every((text) => typeof text === "string") && Number.isSafeInteger(value.seq);
}

function isLink(value: unknown): boolean {
  return isObject(value) && typeof value.hash === "string" && Number.isSafeInteger(value.seq);
}

function isChainLine(value: unknown): value is ChainLine {
  if (!isObject(value) || !isObject(value.chain)) return false;
  const { actor, from, to, rows } = value.chain;
  return typeof actor === "string" && isLink(from) && isLink(to) && Number.isSafeInteger(rows);
}

function isSeal(value: unknown): value is Seal {
  if (!isObject(value) || !isObject(value.retention)) return false;
  const { rows, chains, sha256 } = value.retention;
  const texts = [sha256, value.public_key, value.signature];
  return texts.every((text) => typeof text === "string") && [rows, chains].every(Number.isSafeInteger);
}

function notProven(of: { filtered: boolean; begin_later: number; sealed: boolean; pinned: boolean }): string[] {
  return [
    ...(of.filtered ? ["that nothing was removed where the filter left rows out"] : []),
    ...(of.begin_later > 0
      ? [`what came before the first row of ${of.begin_later} chains that begin in the middle`]
      : []),
    ...(of.sealed
      ? []
      : [
          "that no chain is missing as a whole and none ends early: the server's heads say so (GET /audit/verify), and the " +
            "header Audit-Rows of the export says how many rows it had (--rows)",
        ]),
    ...(of.sealed && !of.pinned
      ? ["whose signature it is: the key was taken from the file itself; name the workspace's with --key"]
      : []),
  ];
}
