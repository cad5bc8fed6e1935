// Ids, dates and sizes as people read them.
import type { Id } from "./types";

// Ids are numbers beyond 2^53, so they are compared as text.
export const isBefore = (a: Id, b: Id) => (a.length === b.length ? a < b : a.length < b.length);

export const isAfter = (a: Id, b: Id) => isBefore(b, a);

const kEpochMs = 1420070400000n;
export const idAt = (ms: number): Id => String((BigInt(Math.floor(ms)) - kEpochMs) << 22n);

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const shortFormat = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export const clock = (at: string | number) => clockFormat.format(new Date(at));
export const full = (at: string | number) => fullFormat.format(new Date(at));
export const dayKey = (at: string) => new Date(at).toDateString();

export function day(at: string) {
  const today = new Date();
  const yesterday = new Date(today.getTime() - 86_400_000);
  if (dayKey(at) === today.toDateString()) return "Today";
  if (dayKey(at) === yesterday.toDateString()) return "Yesterday";
  return dayFormat.format(new Date(at));
}

export const moment = (at: string) =>
  dayKey(at) === new Date().toDateString() ? clock(at) : shortFormat.format(new Date(at));

const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const kUnits: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

export function relative(ms: number) {
  const seconds = (ms - Date.now()) / 1000;
  for (const [unit, size] of kUnits) {
    if (Math.abs(seconds) >= size) return relativeFormat.format(Math.round(seconds / size), unit);
  }
  return relativeFormat.format(Math.round(seconds), "second");
}

// <t:SECONDS:STYLE> of Discord's markdown.
export function stamp(seconds: number, style: string) {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return "an unknown time";
  const formats: Record<string, Intl.DateTimeFormatOptions> = {
    t: { timeStyle: "short" },
    T: { timeStyle: "medium" },
    d: { dateStyle: "short" },
    D: { dateStyle: "long" },
    F: { dateStyle: "full", timeStyle: "short" },
  };
  if (style === "R") return relative(at.getTime());
  return at.toLocaleString(undefined, formats[style] ?? { dateStyle: "long", timeStyle: "short" });
}

export function size(bytes: number) {
  if (bytes < 1024) return `${bytes} B`;
  const kilobytes = bytes / 1024;
  return kilobytes < 1024 ? `${kilobytes.toFixed(0)} KB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

export const milliseconds = (ms: number) =>
  ms < 10
    ? `${ms.toFixed(1)} ms`
    : ms < 1000
      ? `${ms.toFixed(0)} ms`
      : `${(ms / 1000).toFixed(2)} s`;
