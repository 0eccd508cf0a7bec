// The API says its sentences in English; the catalogue has each as it stands in the hub's source, with `{}` for a value, and the
// German one with `{1}`: the value as it came, `{1?}`: a phrase of
// the hub's or a value; with `{1!}` it has to be such a phrase, with `{1#}` a number: else the sentence is another.
type Catalogue = Record<string, string>;

interface Template {
  pattern: RegExp;
  said: string;
}

const escaped = (words: string) => words.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
const weight = (template: string) => template.replaceAll("{}", "").length;
const NUMBER = /^\d[\d,.]*$/;
const THOUSANDS = /^\d{1,3}(,\d{3})+$/;
const SHARE = /^\d+\.\d+ %$/;
const DEPTH = 6;
const LONGEST = 2000;

/** Returns what puts a sentence of the hub into the catalogue's language, and leaves what it does not know as it came. */
export function translator(catalogue: Catalogue): (sentence: string) => string {
  const templates: Template[] = Object.entries(catalogue)
    .filter(([template]) => template.includes("{}"))
    // what is put together of known parts is surer than what takes anything as a value; then the one with more words of its own
    .sort(([one, a], [other, b]) => Number(b.includes("!}")) - Number(a.includes("!}")) || weight(other) - weight(one))
    .map(([template, said]) => ({
      pattern: patternOf(template),
      said,
    }));

  function known(sentence: string, depth: number, before: Map<string, string | undefined>): string | undefined {
    if (Object.hasOwn(catalogue, sentence)) return catalogue[sentence];
    if (depth === 0) return undefined;
    if (!before.has(sentence)) before.set(sentence, found(sentence, depth, before));
    return before.get(sentence);
  }

  function found(sentence: string, depth: number, before: Map<string, string | undefined>): string | undefined {
    for (const { pattern, said } of templates) {
      const values = pattern.exec(sentence)?.slice(1);
      const filled = values && fill(said, values, (value) => known(value, depth - 1, before));
      if (filled) return filled;
    }
    return undefined;
  }

  function fill(said: string, values: string[], phraseOf: (value: string) => string | undefined): string | undefined {
    let isWhole = true;
    const filled = said.replace(/\{(\d+)([?!#]?)\}/g, (_hole, place: string, kind: string) => {
      const value = values[Number(place) - 1] ?? "";
      const phrase = (kind === "?" || kind === "!") && value ? phraseOf(value) : undefined;
      if ((kind === "!" && phrase === undefined) || (kind === "#" && !NUMBER.test(value))) isWhole = false;
      return phrase ?? written(value);
    });
    return isWhole ? filled : undefined;
  }

  return (sentence) => (sentence.length > LONGEST ? sentence : (known(sentence, DEPTH, new Map()) ?? sentence));
}

function patternOf(template: string): RegExp {
  const [first = "", ...others] = template.split("{}").map(escaped);
  // of two values side by side the second is what is added to the first: nothing, or from its comma, bracket or blank on
  const rest = others.map((words, place) => {
    const isAdded = place > 0 && others[place - 1] === "";
    return `${isAdded ? "((?:[ ,;(].*?)?)" : "(.*?)"}${words}`;
  });
  return new RegExp(`^${first}${rest.join("")}$`, "s");
}

function written(value: string): string {
  if (THOUSANDS.test(value)) return value.replaceAll(",", ".");
  return SHARE.test(value) ? value.replace(".", ",") : value;
}
