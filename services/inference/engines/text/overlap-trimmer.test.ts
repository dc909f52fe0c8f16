import { expect, test } from "vitest";
import { OverlapTrimmer } from "./overlap-trimmer.ts";

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
  const filter = new OverlapTrimmer(there);
  expect(pieces.map((piece) => filter.push(piece))).toEqual(fresh);
});

test.each([
  {
    pieces: ["Once upon", " a time"],
    fresh: ["", " a time"],
    because: "the whole answer came again in one piece",
  },
  { pieces: ["Once upon a", " time"], fresh: [" a", " time"], because: "with what is new behind it" },
  { pieces: ["", "Once upon"], fresh: ["", ""], because: "an empty piece is none" },
  { pieces: [" a", "Once upon"], fresh: [" a", "Once upon"], because: "later on it is the model's own" },
  { pieces: ["Once", " upon"], fresh: ["Once", " upon"], because: "in pieces it may be the model's own" },
])("a partial answer that a server repeats is taken off: $because", ({ pieces, fresh }) => {
  const trimmer = new OverlapTrimmer("", "Once upon");
  expect(pieces.map((piece) => trimmer.push(piece))).toEqual(fresh);
});
