import { describe, expect, test } from "vitest";
import { Peers, type Recent } from "./outliers.ts";

const recent = (fields: Partial<Recent>): Recent => ({
  total: 20,
  failed: 0,
  firstTokenMs: [],
  waitingMs: [],
  tokenMs: [],
  ...fields,
});
const times = (count: number, ms: number) => new Array<number>(count).fill(ms);

/** The indexes of the outliers, with why. */
const outliers = (all: readonly Partial<Recent>[]) => {
  const whole = all.map(recent);
  const peers = new Peers(whole);
  return whole.flatMap((own, index) => {
    const verdict = peers.judge(own);
    return verdict === undefined ? [] : [[index, verdict.cause]];
  });
};

describe("by failures", () => {
  test.each<{ all: Partial<Recent>[]; out: number[]; because: string }>([
    { all: [{ failed: 6 }, {}], out: [0], because: "one of two fails 30 %" },
    { all: [{}, { failed: 6 }, {}, {}], out: [1], because: "one of four fails 30 %" },
    {
      all: [{ failed: 6 }, { failed: 7 }, { failed: 5 }, {}, {}, {}, {}],
      out: [0, 1, 2],
      because: "three of seven do",
    },
    {
      all: [{ failed: 6 }, { failed: 6 }, { failed: 6 }],
      out: [],
      because: "all fail alike, as prompts may make them",
    },
    { all: [{ failed: 6 }], out: [], because: "there is nothing to compare with" },
    { all: [{ failed: 6 }, { total: 2 }], out: [], because: "the peer has done too little" },
    { all: [{ total: 7, failed: 3 }, {}], out: [], because: "seven generations are too few" },
    { all: [{ failed: 2 }, {}], out: [], because: "two failures are too few" },
    { all: [{ total: 1000, failed: 60 }, { total: 1000 }], out: [], because: "the difference is small" },
    {
      all: [
        { total: 10, failed: 4 },
        { total: 10, failed: 1 },
      ],
      out: [],
      because: "chance explains it",
    },
    {
      all: [
        { total: 400, failed: 120 },
        { total: 400, failed: 40 },
      ],
      out: [0],
      because: "chance no longer does",
    },
  ])("$out of $all.length are outliers when $because", ({ all, out }) => {
    expect(outliers(all)).toEqual(out.map((index) => [index, "failing"]));
  });

  test("says by how much", () => {
    const [bad, good] = [recent({ failed: 6 }), recent({ failed: 1 })];
    expect(new Peers([bad, good]).judge(bad)?.reason).toBe(
      "failed or refused 6 of its last 20 generations, and its peers usually 5 %",
    );
  });
});

describe("by time", () => {
  test.each<{ all: Partial<Recent>[]; out: number[]; because: string }>([
    {
      all: [{ firstTokenMs: times(3, 5000) }, { firstTokenMs: times(9, 200) }],
      out: [0],
      because: "first tokens take 25 times as long",
    },
    {
      all: [{ waitingMs: times(3, 4000) }, { firstTokenMs: times(9, 200) }],
      out: [0],
      because: "first tokens are waited for already",
    },
    {
      all: [{ tokenMs: times(3, 500) }, { tokenMs: times(9, 20) }, { tokenMs: times(9, 25) }],
      out: [0],
      because: "tokens take 20 times as long",
    },
    {
      all: [{ tokenMs: times(9, 40) }, { tokenMs: times(9, 2) }],
      out: [],
      because: "40 ms for a token is quick enough to read, whatever others do",
    },
    {
      all: [{ firstTokenMs: times(9, 400) }, { firstTokenMs: times(9, 20) }],
      out: [],
      because: "nobody minds 400 ms",
    },
    {
      all: [{ firstTokenMs: [...times(4, 9000), ...times(5, 200)] }, { firstTokenMs: times(9, 200) }],
      out: [],
      because: "most of its first tokens come as usual: some prompts are long",
    },
    {
      all: [{ waitingMs: times(2, 9000) }, { firstTokenMs: times(9, 200) }],
      out: [],
      because: "two are too few",
    },
    {
      all: [{ tokenMs: times(9, 500) }, { tokenMs: times(9, 510) }, { tokenMs: times(9, 10) }],
      out: [],
      because: "it is one of many machines of its kind",
    },
    {
      all: [{ firstTokenMs: times(9, 9000) }, { firstTokenMs: times(2, 200) }],
      out: [],
      because: "the peer has done too little",
    },
  ])("$out are outliers when $because", ({ all, out }) => {
    expect(outliers(all)).toEqual(out.map((index) => [index, "slow"]));
  });

  test("says by how much", () => {
    const [slow, quick] = [recent({ tokenMs: times(3, 500) }), recent({ tokenMs: times(3, 20) })];
    expect(new Peers([slow, quick]).judge(slow)?.reason).toBe(
      "lately took 500 ms per token, and its peers usually 20 ms",
    );
  });
});
