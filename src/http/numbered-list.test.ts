import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NumberedPage, NumberedRequest } from "../actor/numbered-page.ts";
import { numberedPage } from "./numbered-list.ts";
import type { PageRequest } from "./pagination.ts";

interface Row {
  readonly n: number;
}

/** A list that goes on growing while it is read. */
class Growing {
  readonly numbers: number[] = [];

  add(count: number): void {
    for (let left = count; left > 0; left -= 1) this.numbers.unshift(this.numbers.length + 1);
  }

  readonly list = async ({ before, offset, limit }: NumberedRequest): Promise<NumberedPage<Row>> => {
    const older = this.numbers.filter((n) => before === undefined || n < before);
    const rows = older.slice(offset, offset + limit).map((n) => ({ n }));
    return { rows, total: this.numbers.length, more: older.length > offset + limit };
  };

  async page(request: PageRequest) {
    const { rows, pagination } = await numberedPage(request, this.list);
    return { numbers: rows.map(({ n }) => n), pagination };
  }
}

describe("a list that its actor numbers", () => {
  it("read by cursors shows once each what was there at the beginning, though it grows meanwhile", async () => {
    const arrivals = fc.array(fc.nat(3), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.nat(30), fc.integer({ min: 1, max: 7 }), arrivals, async (count, limit, grows) => {
        const growing = new Growing();
        growing.add(count);
        const seen: number[] = [];
        let cursor: string | undefined;
        for (let at = 0; at === 0 || cursor !== undefined; at += 1) {
          const { numbers, pagination } = await growing.page({ limit, cursor });
          expect(pagination).toMatchObject({ page: at + 1, limit, total: growing.numbers.length });
          expect(pagination.has_more).toBe(pagination.next_cursor !== undefined);
          seen.push(...numbers);
          cursor = pagination.next_cursor;
          growing.add(grows[at % grows.length] ?? 0);
        }
        expect(seen).toEqual(Array.from({ length: count }, (_, n) => count - n));
      }),
    );
  });

  it("has 20 rows a page, and pages by number too", async () => {
    const growing = new Growing();
    growing.add(45);
    expect((await growing.page({})).pagination).toMatchObject({ page: 1, limit: 20, total: 45, has_more: true });
    const third = await growing.page({ page: 3 });
    expect(third).toEqual({ numbers: [5, 4, 3, 2, 1], pagination: { page: 3, limit: 20, total: 45, has_more: false } });
  });

  it("refuses a cursor that is none", async () => {
    await expect(new Growing().page({ cursor: "nonsense" })).rejects.toMatchObject({
      failure: { code: "VALIDATION_ERROR", details: { field: "cursor" } },
    });
  });
});
