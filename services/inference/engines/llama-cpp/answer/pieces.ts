/**
 * A piece of an answer, found in the text that the model wrote. `from` and `to` are its place there, in UTF-16
 * units. Pieces come in order and do not overlap; what lies between them shows nowhere.
 */
export type Piece =
  | {
      readonly kind: "text" | "reasoning" | "arguments";
      /** The characters of the model's text from `from` to `to`: such a piece may be cut anywhere. */
      readonly text: string;
      readonly from: number;
      readonly to: number;
    }
  /** A call begins. Known once the text has been read up to `to`; cannot be cut. */
  | { readonly kind: "call"; readonly name: string; readonly to: number }
  /** Arguments of the latest call that the model wrote in another form; cannot be cut either. */
  | { readonly kind: "decoded"; readonly text: string; readonly to: number };

/** A piece of running text. */
export const running = (kind: "text" | "reasoning" | "arguments", from: number, text: string): Piece => ({
  kind,
  from,
  to: from + text.length,
  text,
});
