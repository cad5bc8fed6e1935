// What a person does: each calls the hub, and says so when that fails.
import * as api from "./api";
import { Gateway, type Socket } from "./gateway";
import { apply, messageCreated } from "./events";
import { changeLog, emptyLog, guildOf, kLogMax, learn, logOf, notice, now, update } from "./state";
import type { Channel, Command, Id, Message } from "./types";
import { idAt, isBefore } from "./time";

export const kPage = 50; // messages that are fetched at once

let gateway: Gateway | undefined;

const told = (error: unknown) =>
  notice(error instanceof Error ? error.message : "Something went wrong.");

// --- the session -------------------------------------------------------------------------------

export async function begin() {
  update({ phase: "starting" });
  try {
    const session = await api.openSession();
    api.setToken(session.token);
    connect(session.token);
  } catch (error) {
    update({ phase: "failed", failure: error instanceof Error ? error.message : String(error) });
  }
}

function connect(token: string) {
  const { protocol, host } = location;
  const address = `${protocol === "https:" ? "wss" : "ws"}://${host}/gateway?v=10&encoding=json`;
  gateway = new Gateway(
    {
      // Also to resume: a page may speak to the host that it came from and to no other.
      connect: () => new WebSocket(address) as unknown as Socket,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      random: Math.random,
    },
    {
      dispatch,
      state: (connection, reason) => update({ connection, connectionNote: reason ?? "" }),
      renew: async () => {
        api.setToken("");
        const session = await api.openSession().catch(() => undefined);
        if (session) api.setToken(session.token);
        return session?.token;
      },
    },
    token,
  );
  gateway.start();
  addEventListener("online", () => gateway?.wake());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) gateway?.wake();
  });
}

function dispatch(name: string, data: unknown) {
  apply(name, data);
  if (name === "MESSAGE_CREATE" || name === "MESSAGE_UPDATE") {
    // The answer to a command: it may have asked for quiet, which nobody announces.
    const { flags, channel_id } = data as Message;
    if (flags && flags & 64) askStage(channel_id);
  }
  if (name === "GUILD_CREATE" || name === "READY" || name === "CHANNEL_DELETE") settle();
}

function askStage(channel: Id) {
  const before = now().stages[channel];
  api
    .stage(channel)
    .then((stage) => {
      // An event that came meanwhile is newer than this answer.
      if (now().stages[channel] === before) apply("TROUPE_STAGE", stage);
    })
    .catch(() => {});
}

// Shows a channel as soon as there is one, and the same one again after a reconnect or a reload.
function settle() {
  const { channels, current, logs } = now();
  if (channels[current]) {
    if (!logs[current]) void openChannel(current);
    return;
  }
  const wanted = location.hash.slice(1);
  const texts = Object.values(channels)
    .filter((channel) => channel.type === 0)
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  const first = channels[wanted] ?? texts[0];
  if (first) void openChannel(first.id);
}

// --- channels and their messages ---------------------------------------------------------------

export async function openChannel(id: Id) {
  const panel = now().panel;
  update({
    current: id,
    drawer: false,
    switcher: false,
    replyTo: undefined,
    editing: undefined,
    highlight: undefined,
    unreadFrom: now().reads[id]?.last ?? "",
    panel: panel?.kind === "director" ? undefined : panel,
  });
  history.replaceState(null, "", `#${id}`);
  const guild = guildOf(now().channels[id]);
  askStage(id);
  if (guild) {
    api
      .commands(guild.id)
      .then((reply) => update({ commands: reply.application_commands }))
      .catch(() => {});
  }
  if (!logOf(id).messages.length || !logOf(id).atEnd) await loadLatest(id);
}

async function load(
  channel: Id,
  what: "end" | "other",
  where: Record<string, string>,
  merge: (messages: Message[]) => void,
) {
  if (logOf(channel).loading) return;
  changeLog(channel, () => ({ loading: what, error: undefined }));
  try {
    const messages = (await api.history(channel, where)).reverse(); // Discord: newest first
    learn(messages.map((message) => message.author));
    merge(messages);
  } catch (error) {
    changeLog(channel, () => ({ error: error instanceof Error ? error.message : String(error) }));
  }
  changeLog(channel, () => ({ loading: "" }));
}

// Of `log` what is newer than `id`: lines that arrived while history was on its way, or that are
// not sent yet.
const newerThan = (id: Id, log: Message[]) => log.filter((one) => isBefore(id, one.id));

export const loadLatest = (channel: Id) =>
  load(channel, "end", {}, (messages) => {
    changeLog(channel, (log) => ({
      messages: [...messages, ...newerThan(messages.at(-1)?.id ?? "0", log.messages)],
      atStart: messages.length < kPage,
      atEnd: true,
    }));
  });

export const loadOlder = (channel: Id) => {
  const {
    messages: [first],
    atStart,
  } = logOf(channel);
  if (!first || atStart) return Promise.resolve();
  return load(channel, "other", { before: first.id }, (older) =>
    changeLog(channel, ({ messages, atEnd }) => {
      const all = [...older, ...messages];
      const cut = all.length > kLogMax;
      return {
        messages: cut ? all.slice(0, kLogMax) : all,
        atStart: older.length < kPage,
        atEnd: atEnd && !cut,
      };
    }),
  );
};

export const loadNewer = (channel: Id) => {
  const { messages, atEnd } = logOf(channel);
  const last = messages.at(-1);
  if (!last || atEnd) return Promise.resolve();
  return load(channel, "end", { after: last.id }, (newer) =>
    changeLog(channel, (log) => {
      const before = log.messages.filter((one) => !isBefore(last.id, one.id));
      // What arrived stands behind a gap until the end is reached.
      const arrived =
        newer.length < kPage ? newerThan(newer.at(-1)?.id ?? last.id, log.messages) : [];
      const all = [...before, ...newer, ...arrived];
      const cut = all.length > kLogMax;
      return {
        messages: cut ? all.slice(-kLogMax) : all,
        atStart: log.atStart && !cut,
        atEnd: newer.length < kPage,
      };
    }),
  );
};

let jumps = 0;

export async function jump(channel: Id, id: Id) {
  if (now().current !== channel) await openChannel(channel);
  if (!logOf(channel).messages.some((message) => message.id === id)) {
    await load(channel, "other", { around: id }, (messages) =>
      changeLog(channel, () => ({ messages, atStart: false, atEnd: false })),
    );
  }
  if (logOf(channel).messages.some((message) => message.id === id)) {
    update({ highlight: { id, turn: ++jumps }, drawer: false });
  } else {
    notice("That message is not there any more.");
  }
}

export function toPresent() {
  const { current } = now();
  changeLog(current, () => ({ ...emptyLog }));
  update({ highlight: undefined });
  void loadLatest(current);
}

// At most one acknowledgement of a channel is under way; the latest one is the next.
const acknowledging = new Set<Id>();

export async function acknowledge(channel: Id) {
  const last = now().channels[channel]?.last_message_id;
  const read = now().reads[channel] ?? { last: "0", mentions: 0 };
  if (!last || acknowledging.has(channel) || (!isBefore(read.last, last) && !read.mentions)) return;
  acknowledging.add(channel);
  apply("MESSAGE_ACK", { channel_id: channel, message_id: last });
  await api.acknowledge(channel, last).catch(() => {}); // the next one makes good for it
  acknowledging.delete(channel);
}

export async function openDirect(user: Id) {
  try {
    const channel: Channel = await api.openDirect(user);
    apply("CHANNEL_CREATE", channel);
    await openChannel(channel.id);
  } catch (error) {
    told(error);
  }
}

// --- lines -------------------------------------------------------------------------------------

// As many digits as a Discord nonce may have, and never the same twice.
const freshNonce = () =>
  `${idAt(Date.now())}${Math.floor(Math.random() * 90000) + 10000}`.slice(0, 25);

async function deliver(message: Message) {
  try {
    messageCreated(
      await api.post(message.channel_id, {
        content: message.content,
        nonce: String(message.nonce),
        replyTo: message.message_reference?.message_id,
        files: message.files,
      }),
    );
  } catch (error) {
    changeLog(message.channel_id, ({ messages }) => ({
      messages: messages.map((one) =>
        one.sending && one.nonce === message.nonce ? { ...one, sending: "failed" as const } : one,
      ),
    }));
    told(error);
  }
}

export async function say(content: string, files: File[]) {
  const { current, me, replyTo } = now();
  if (!me || (!content && !files.length)) return;
  if (!logOf(current).atEnd) {
    changeLog(current, () => ({ ...emptyLog }));
    await loadLatest(current);
  }
  const message: Message = {
    id: idAt(Date.now() + 60_000), // below all that is there until the hub gives it its own
    nonce: freshNonce(),
    channel_id: current,
    author: me,
    content,
    files,
    timestamp: new Date().toISOString(),
    type: replyTo ? 19 : 0,
    sending: "pending",
    ...(replyTo && {
      message_reference: { message_id: replyTo.id },
      referenced_message: replyTo,
    }),
  };
  changeLog(current, ({ messages }) => ({ messages: [...messages, message] }));
  update({ replyTo: undefined });
  lastTyping = 0;
  await deliver(message);
}

// The same nonce: if the first one did arrive, the hub answers with it.
export async function sayAgain(message: Message) {
  changeLog(message.channel_id, ({ messages }) => ({
    messages: messages.map((one) =>
      one === message ? { ...one, sending: "pending" as const } : one,
    ),
  }));
  await deliver(message);
}

export const discard = (message: Message) =>
  changeLog(message.channel_id, ({ messages }) => ({
    messages: messages.filter((one) => one.id !== message.id),
  }));

export async function edit(message: Message, content: string) {
  update({ editing: undefined });
  if (!content || content === message.content) return;
  try {
    apply("MESSAGE_UPDATE", await api.edit(message.channel_id, message.id, content));
  } catch (error) {
    told(error);
  }
}

export const remove = (message: Message) => api.remove(message.channel_id, message.id).catch(told);

export const react = (message: Message, emoji: string) => {
  const mine = message.reactions?.some((one) => one.emoji.name === emoji && one.me);
  return api.react(message.channel_id, message.id, emoji, !mine).catch(told);
};

const kTypingMs = 8000;
let lastTyping = 0;

export function typing() {
  if (Date.now() - lastTyping < kTypingMs) return;
  lastTyping = Date.now();
  api.typing(now().current).catch(() => {});
}

// `words` are the options as they were typed: "minutes:10" or just "10", in their order.
export async function command(one: Command, words: string[], target?: Message) {
  const { current, channels } = now();
  const left = [...(one.options ?? [])];
  const options = words
    .map((word) => {
      const named = left.findIndex((option) => word.startsWith(`${option.name}:`));
      const [option] = left.splice(Math.max(0, named), 1);
      const text = named < 0 ? word : word.slice(option!.name.length + 1);
      const number = option && (option.type === 4 || option.type === 10);
      return (
        option && { name: option.name, type: option.type, value: number ? Number(text) : text }
      );
    })
    .filter(Boolean);
  try {
    await api.interact({
      type: 2,
      application_id: one.application_id,
      guild_id: channels[current]?.guild_id,
      channel_id: current,
      session_id: gateway?.sessionId,
      nonce: freshNonce(),
      data: { id: one.id, name: one.name, type: one.type, target_id: target?.id, options },
    });
  } catch (error) {
    told(error);
  }
}
