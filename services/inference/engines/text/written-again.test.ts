import { expect, test } from "vitest";
import { WrittenAgain } from "./written-again.ts";

test.each([
  { there: " ", pieces: [" is", " blue"], fresh: ["is", " blue"], because: "the space is there already" },
  { there: " ", pieces: ["is"], fresh: ["is"], because: "no space was written once more" },
  { there: "", pieces: [" is"], fresh: [" is"], because: "the first space of what follows is new" },
  {
    there: "\n\n",
    pieces: ["\n", "", "\n", "1."],
    fresh: ["", "", "", "1."],
    because: "it comes in pieces",
  },
  {
    there: "\n\n",
    pieces: ["\n1.", "\n2."],
    fresh: ["1.", "\n2."],
    because: "only some of it comes again",
  },
  { there: "\n", pieces: ["\n\n- a"], fresh: ["\n- a"], because: "more comes than is there" },
  { there: " ", pieces: ["\n- a", " b"], fresh: ["\n- a", " b"], because: "other white space is new" },
  { there: " stre", pieces: [" st", "reaming"], fresh: ["", "aming"], because: "a word is finished" },
  { there: " stre", pieces: [" street"], fresh: ["et"], because: "the word became another" },
])("what is written is new but for what was there: $because", ({ there, pieces, fresh }) => {
  const filter = new WrittenAgain(there);
  expect(pieces.map((piece) => filter.push(piece))).toEqual(fresh);
});
