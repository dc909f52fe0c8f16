import { toFlag } from "../../../core/config/settings.ts";
import { file, optionalText, type ValuesIn } from "./parts.ts";

/** TLS between the processes of a mesh, with one folder. */
const folder = {
  tls: optionalText(
    "FOLDER",
    "a folder",
    "Use TLS within the mesh, with this process's certificate from a folder created by `cxmpute tls init`.",
  ),
};

/** The same with files; nodes, which get their identity when they join, have only these. */
export const tlsByFiles = {
  tlsCert: file(
    "Use TLS within the mesh, with your own certificates: this process's certificate chain, PEM.",
  ),
  tlsKey: file("The private key of that certificate, PEM."),
  tlsCa: file("The CAs whose certificates are accepted, PEM."),
};

export const tls = { ...folder, ...tlsByFiles };

export type TlsValues = ValuesIn<typeof tlsByFiles> & Partial<ValuesIn<typeof folder>>;

const files = ["tlsCert", "tlsKey", "tlsCa"] as const;

/** Three files or none: with only some, TLS would look secure and not be. */
export function checkTls(
  values: TlsValues,
  report: (key: (typeof files)[number], message: string) => void,
): void {
  const given = files.filter((key) => values[key] !== undefined);
  if (values.tls !== undefined && given[0] !== undefined)
    report(given[0], "not together with --tls FOLDER, which sets all three: give one or the other");
  else if (given.length > 0)
    for (const key of files)
      if (values[key] === undefined)
        report(key, "required: --tls-cert, --tls-key and --tls-ca are given together, or none of them");
}

/** Reports the missing one of two files that are given together. */
export function checkTogether<Key extends string>(
  values: { readonly [key in Key]: string | undefined },
  [first, second]: readonly [Key, Key],
  report: (key: Key, message: string) => void,
): void {
  if ((values[first] === undefined) === (values[second] === undefined)) return;
  const [flag, other] = [first, second].map((key) => toFlag(key.replace(/[A-Z]/g, "-$&").toLowerCase()));
  report(values[first] === undefined ? first : second, `required: ${flag} and ${other} are given together`);
}
