// All that the page knows, as one value; it changes only by update(). Components read it through
// useStore, which draws them again when what they selected is another value.
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";
import type { Channel, Command, Guild, Id, Message, Stage, User } from "./types";
import { isBefore } from "./time";

// A stretch of a channel's messages, oldest first, without gaps.
export interface Log {
  messages: Message[];
  atStart: boolean; // it begins with the channel's first message
  atEnd: boolean; // it ends with the latest, and grows as people write
  loading: "" | "end" | "other"; // what is under way; at its end, lines may arrive meanwhile
  error?: string;
}

export interface Read {
  last: Id; // "0": nothing read
  mentions: number;
}

export type Panel =
  | { kind: "members" }
  | { kind: "director"; message: Message }
  | { kind: "search"; query: string };

export interface State {
  phase: "starting" | "ready" | "failed";
  failure: string;
  connection: "connecting" | "open" | "lost" | "stopped";
  connectionNote: string;
  me?: User;
  users: Record<Id, User>;
  guilds: Record<Id, Guild>;
  channels: Record<Id, Channel>;
  presences: Record<Id, string>;
  logs: Record<Id, Log>;
  reads: Record<Id, Read>;
  typing: Record<Id, Record<Id, number>>; // channel, user: until when
  stages: Record<Id, Stage>;
  commands: Command[];
  current: Id;
  unreadFrom: Id; // in the current channel: what was read when it was opened
  replyTo?: Message;
  editing?: Id;
  highlight?: { id: Id; turn: number };
  panel?: Panel;
  drawer: boolean;
  switcher: boolean;
  notices: { id: number; text: string }[];
}

export const kLogMax = 300; // messages that are kept and drawn of a channel
const kUsersMax = 5000;

let state: State = {
  phase: "starting",
  failure: "",
  connection: "connecting",
  connectionNote: "",
  users: {},
  guilds: {},
  channels: {},
  presences: {},
  logs: {},
  reads: {},
  typing: {},
  stages: {},
  commands: [],
  current: "",
  unreadFrom: "",
  drawer: false,
  switcher: false,
  notices: [],
};
const listeners = new Set<() => void>();

export const now = () => state;

export function update(change: Partial<State>) {
  state = { ...state, ...change };
  for (const listener of [...listeners]) listener();
}

// `select` returns the same value as long as nothing that it reads has changed.
export function useStore<T>(select: (state: State) => T): T {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const seen = useRef<{ select: (state: State) => T; value: T }>();
  const value = select(state);
  seen.current = { select, value };
  useLayoutEffect(() => {
    const check = () => {
      const { select: latest, value: shown } = seen.current!;
      if (!Object.is(latest(state), shown)) redraw(undefined);
    };
    listeners.add(check);
    check(); // it may have changed between drawing and here
    return () => void listeners.delete(check);
  }, []);
  return value;
}

export const emptyLog: Log = { messages: [], atStart: false, atEnd: false, loading: "" };
export const logOf = (channel: Id) => state.logs[channel] ?? emptyLog;

export function changeLog(channel: Id, change: (log: Log) => Partial<Log>) {
  const log = logOf(channel);
  update({ logs: { ...state.logs, [channel]: { ...log, ...change(log) } } });
}

// Puts a message where it belongs; one with the same id, or the pending line that it was, gives
// way.
export function insert(messages: Message[], message: Message): Message[] {
  const same = (other: Message) =>
    other.id === message.id ||
    (!!other.sending && message.nonce != null && other.nonce === String(message.nonce));
  const at = messages.findIndex(same);
  const rest = at < 0 ? messages : messages.filter((other) => !same(other));
  let place = rest.length;
  while (place > 0 && isBefore(message.id, rest[place - 1]!.id)) place -= 1;
  return [...rest.slice(0, place), message, ...rest.slice(place)];
}

export function learn(users: (User | undefined)[]) {
  const known: Record<Id, User> = { ...state.users };
  let changed = false;
  for (const user of users) {
    if (!user || known[user.id]) continue;
    known[user.id] = user;
    changed = true;
  }
  if (changed && Object.keys(known).length <= kUsersMax) update({ users: known });
}

export const nameOf = (user: User | undefined) =>
  user ? user.global_name || user.username : "somebody";

// The cast's member who plays a character, by the name that the hub gave the account.
export function playerOf(character: string): User | undefined {
  const wanted = character.toLowerCase();
  return Object.values(state.users).find(
    (user) => user.bot && user.username.toLowerCase().startsWith(wanted),
  );
}

export const guildOf = (channel: Channel | undefined) =>
  channel?.guild_id ? state.guilds[channel.guild_id] : Object.values(state.guilds)[0];

export function channelName(channel: Channel | undefined) {
  if (!channel) return "";
  if (channel.type !== 1) return channel.name ?? "";
  return (channel.recipients ?? [])
    .filter((user) => user.id !== state.me?.id)
    .map(nameOf)
    .join(", ");
}

export const isUnread = (current: State, channel: Channel) =>
  !!channel.last_message_id &&
  channel.type !== 4 &&
  isBefore(current.reads[channel.id]?.last ?? "0", channel.last_message_id);

export const mentionsMe = (message: Message) =>
  !!message.mention_everyone || !!message.mentions?.some((user) => user.id === state.me?.id);

let notices = 0;
const kNoticeMs = 6000;

export function notice(text: string) {
  const id = ++notices;
  update({ notices: [...state.notices.slice(-3), { id, text }] });
  setTimeout(() => update({ notices: state.notices.filter((one) => one.id !== id) }), kNoticeMs);
}
