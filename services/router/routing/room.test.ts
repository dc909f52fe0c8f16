import { expect, test } from "vitest";
import { candidateOf, generationOf } from "../../../test/support/router/router.ts";
import type { Candidate } from "./candidate.ts";
import { findRoom, workRate } from "./room.ts";

const request = { generation: generationOf(), needs: 1, tried: [] };
const busy = { occupied: 4, slots: 4 };

test.each<{ room: string; because: string; nodes: Partial<Candidate>[] }>([
  { room: "free", because: "one node has a free slot", nodes: [busy, {}] },
  { room: "full", because: "all who can have it are busy", nodes: [busy, busy] },
  { room: "full", because: "the only free node cannot do it", nodes: [busy, { offers: 0 }] },
  {
    room: "full",
    because: "the only free node rests while another is awake",
    nodes: [busy, { ejected: "failing" }],
  },
  {
    room: "free",
    because: "nobody is awake, so one who rests will do",
    nodes: [{ ejected: "failing" }, { connected: false }],
  },
  { room: "full", because: "those who rest are busy too", nodes: [{ ...busy, ejected: "failing" }] },
  {
    room: "unconnected",
    because: "who could have it is not reached",
    nodes: [{ connected: false }, { offers: 0 }],
  },
  { room: "none", because: "who is not reached drains", nodes: [{ connected: false, draining: true }] },
  { room: "none", because: "who is not reached cannot do it", nodes: [{ connected: false, offers: 0 }] },
  { room: "none", because: "the lease has lapsed", nodes: [{ listed: false }] },
  { room: "none", because: "there are no nodes", nodes: [] },
])("finds $room when $because", ({ room, nodes }) => {
  const candidates = nodes.map((fields, index) => candidateOf(`n${index}`, fields));
  expect(findRoom(request, candidates)).toBe(room);
});

test("adds up what those who can have it work off, taking the unknown for as fast as the fastest", () => {
  const rate = workRate(request, [
    candidateOf("a", { slots: 4, serviceMs: 1000 }),
    candidateOf("b", { slots: 2, serviceMs: 4000 }),
    candidateOf("c", { slots: 1 }),
    candidateOf("d", { slots: 100, serviceMs: 1, offers: 0 }),
  ]);
  expect(rate).toBeCloseTo(0.004 + 0.0005 + 0.001);
});

test("knows no rate before anybody has finished anything", () => {
  expect(workRate(request, [candidateOf("a")])).toBeUndefined();
});
