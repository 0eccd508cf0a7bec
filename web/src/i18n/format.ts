import i18n from "i18next";

// formatters are dear to make and few
const kept = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function made<F extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(
  key: string,
  make: (language: string) => F,
): F {
  const language = i18n.language || "en";
  const found = kept.get(`${language} ${key}`);
  if (found) return found as F;
  const fresh = make(language);
  kept.set(`${language} ${key}`, fresh);
  return fresh;
}

/** A whole number with its thousands apart. */
export const count = (value: number) =>
  made("count", (l) => new Intl.NumberFormat(l, { maximumFractionDigits: 0 })).format(value);

const TINY = 1e-4;

/** Four significant digits: a score, a share. */
export const figure = (value: number) =>
  value !== 0 && Math.abs(value) < TINY ? value.toExponential(1) : fourDigits(value);

const fourDigits = (value: number) =>
  made("figure", (l) => new Intl.NumberFormat(l, { maximumSignificantDigits: 4 })).format(value);

/** 12K, 3.4M: for axes. */
export const short = (value: number) =>
  made("short", (l) => new Intl.NumberFormat(l, { notation: "compact", maximumFractionDigits: 2 })).format(value);

/** A share from 0 to 1 in percent. */
export const percent = (value: number) =>
  made("percent", (l) => new Intl.NumberFormat(l, { style: "percent", maximumFractionDigits: 1 })).format(value);

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** 58.1 GiB: in the units that the hub's own sentences use. */
export function bytes(value: number): string {
  let size = value;
  let step = 0;
  // what would be rounded up to a whole next unit is one of it
  while (size >= 1023.95 && step < UNITS.length - 1) {
    size /= 1024;
    step += 1;
  }
  const number = made(
    step ? "bytes" : "count",
    (l) => new Intl.NumberFormat(l, { maximumFractionDigits: step ? 1 : 0 }),
  );
  return `${number.format(size)} ${UNITS[step]}`;
}

/** 8 s, 1 min 34 s, 2 h 5 min. */
export function duration(seconds: number): string {
  const whole = seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds);
  const part = (value: number, unit: string) =>
    made(`${unit} short`, (l) => new Intl.NumberFormat(l, { style: "unit", unit, unitDisplay: "short" })).format(value);
  if (whole < 60) return part(whole, "second");
  if (whole < 3600) return `${part(Math.floor(whole / 60), "minute")} ${part(whole % 60, "second")}`;
  return `${part(Math.floor(whole / 3600), "hour")} ${part(Math.floor((whole % 3600) / 60), "minute")}`;
}

export const moment = (iso: string) =>
  made("moment", (l) => new Intl.DateTimeFormat(l, { dateStyle: "medium", timeStyle: "short" })).format(new Date(iso));

/** The day without its year: below a chart. */
export const day = (iso: string) =>
  made("day", (l) => new Intl.DateTimeFormat(l, { day: "numeric", month: "short" })).format(new Date(iso));

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** 3 minutes ago; the full moment once it is a month away. */
export function ago(iso: string, now = Date.now()): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Math.abs(seconds) > 30 * 86_400) return moment(iso);
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  const relative = made("ago", (l) => new Intl.RelativeTimeFormat(l, { numeric: "auto" }));
  // under a minute nobody wants to see the seconds change
  return unit === "second" ? relative.format(0, "second") : relative.format(Math.round(seconds / size), unit);
}

/** The time of day. */
export const clock = (iso: string) =>
  made("clock", (l) => new Intl.DateTimeFormat(l, { timeStyle: "short" })).format(new Date(iso));
