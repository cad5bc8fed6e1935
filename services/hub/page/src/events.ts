// What each Gateway dispatch does to the state.
import { changeLog, insert, kLogMax, learn, mentionsMe, notice, now, update } from "./state";
import type { Channel, Guild, Id, Message, Presence, Reaction, Stage, User } from "./types";
import { isBefore } from "./time";

const kTypingMs = 10_000;

const without = <T>(record: Record<Id, T>, id: Id) => {
  const { [id]: _, ...rest } = record;
  return rest;
};

interface Ready {
  user: User;
  guilds: Guild[];
  private_channels?: Channel[];
  users?: User[];
  read_state?: ReadEntry[] | { entries: ReadEntry[] };
}
interface ReadEntry {
  id: Id;
  last_message_id?: Id | null;
  mention_count?: number;
}

function ready(data: Ready) {
  const entries = Array.isArray(data.read_state)
    ? data.read_state
    : (data.read_state?.entries ?? []);
  const reads = Object.fromEntries(
    entries.map((entry) => [
      entry.id,
      { last: entry.last_message_id ?? "0", mentions: entry.mention_count ?? 0 },
    ]),
  );
  const direct = Object.fromEntries((data.private_channels ?? []).map((c) => [c.id, c]));
  // A new session: what the logs have missed is not known, so they are read anew.
  update({
    me: data.user,
    users: {},
    guilds: {},
    channels: direct,
    presences: {},
    reads,
    typing: {},
    logs: {},
    phase: "ready",
  });
  learn([data.user, ...(data.users ?? []), ...Object.values(direct).flatMap((c) => c.recipients)]);
  for (const entry of data.guilds) if (entry.channels) guildCreated(entry);
}

function guildCreated(guild: Guild) {
  const channels = { ...now().channels };
  for (const channel of guild.channels) channels[channel.id] = { ...channel, guild_id: guild.id };
  const presences = { ...now().presences };
  for (const presence of guild.presences ?? []) presences[presence.user.id] = presence.status;
  update({ guilds: { ...now().guilds, [guild.id]: guild }, channels, presences });
  learn(guild.members.map((member) => member.user));
}

function changeGuild(id: Id, change: (guild: Guild) => Partial<Guild>) {
  const guild = now().guilds[id];
  if (guild) update({ guilds: { ...now().guilds, [id]: { ...guild, ...change(guild) } } });
}

function stopTyping(channel: Id, user: Id) {
  const typists = now().typing[channel];
  if (typists?.[user]) {
    update({ typing: { ...now().typing, [channel]: without(typists, user) } });
  }
}

function typing(data: { channel_id: Id; user_id: Id; member?: { user: User } }) {
  if (data.user_id === now().me?.id) return;
  learn([data.member?.user]);
  const until = Date.now() + kTypingMs;
  const typists = { ...now().typing[data.channel_id], [data.user_id]: until };
  update({ typing: { ...now().typing, [data.channel_id]: typists } });
  setTimeout(() => {
    if ((now().typing[data.channel_id]?.[data.user_id] ?? 0) <= until) {
      stopTyping(data.channel_id, data.user_id);
    }
  }, kTypingMs);
}

export function messageCreated(message: Message) {
  learn([message.author, ...(message.mentions ?? [])]);
  stopTyping(message.channel_id, message.author.id);
  const log = now().logs[message.channel_id];
  if (log?.atEnd || log?.loading === "end" || (log && message.author.id === now().me?.id)) {
    changeLog(message.channel_id, ({ messages, atStart }) => {
      const all = insert(messages, message);
      // Twice the limit before anything goes, so that not every line cuts one off.
      return all.length > 2 * kLogMax
        ? { messages: all.slice(-kLogMax), atStart: false }
        : { messages: all, atStart };
    });
  }
  if (message.flags && message.flags & 64) return; // seen by one person only, and stored nowhere
  const channel = now().channels[message.channel_id];
  const last = channel?.last_message_id;
  if (!channel || (last && !isBefore(last, message.id))) return;
  update({
    channels: { ...now().channels, [channel.id]: { ...channel, last_message_id: message.id } },
  });
  const read = now().reads[channel.id] ?? { last: "0", mentions: 0 };
  if (message.author.id === now().me?.id) {
    update({ reads: { ...now().reads, [channel.id]: { last: message.id, mentions: 0 } } });
  } else if (mentionsMe(message) || channel.type === 1) {
    const counted = { ...read, mentions: read.mentions + 1 };
    update({ reads: { ...now().reads, [channel.id]: counted } });
  }
}

function changeMessage(channel: Id, id: Id, change: (message: Message) => Partial<Message>) {
  if (!now().logs[channel]?.messages.some((message) => message.id === id)) return;
  changeLog(channel, ({ messages }) => ({
    messages: messages.map((one) => (one.id === id ? { ...one, ...change(one) } : one)),
  }));
}

function messageDeleted(channel: Id, ids: Id[]) {
  const { panel, replyTo, editing } = now();
  changeLog(channel, ({ messages }) => ({
    messages: messages
      .filter((one) => !ids.includes(one.id))
      .map((one) =>
        one.referenced_message && ids.includes(one.referenced_message.id)
          ? { ...one, referenced_message: null }
          : one,
      ),
  }));
  if (panel?.kind === "director" && ids.includes(panel.message.id)) update({ panel: undefined });
  if (replyTo && ids.includes(replyTo.id)) update({ replyTo: undefined });
  if (editing && ids.includes(editing)) update({ editing: undefined });
}

interface ReactionEvent {
  channel_id: Id;
  message_id: Id;
  user_id: Id;
  emoji: Reaction["emoji"];
}

function reacted(data: ReactionEvent, step: 1 | -1) {
  const mine = data.user_id === now().me?.id;
  changeMessage(data.channel_id, data.message_id, ({ reactions = [] }) => {
    const same = (one: Reaction) => one.emoji.name === data.emoji.name;
    const others = reactions.map((one) =>
      same(one) ? { ...one, count: one.count + step, me: mine ? step > 0 : one.me } : one,
    );
    if (step > 0 && !reactions.some(same)) others.push({ count: 1, me: mine, emoji: data.emoji });
    return { reactions: others.filter((one) => one.count > 0) };
  });
}

function acknowledged(data: { channel_id: Id; message_id: Id }) {
  const read = now().reads[data.channel_id];
  if (read && isBefore(data.message_id, read.last)) return;
  update({ reads: { ...now().reads, [data.channel_id]: { last: data.message_id, mentions: 0 } } });
}

function channelChanged(channel: Channel) {
  const merged = { ...now().channels[channel.id], ...channel };
  update({ channels: { ...now().channels, [channel.id]: merged } });
  learn(channel.recipients ?? []);
}

function channelDeleted(channel: Channel) {
  update({
    channels: without(now().channels, channel.id),
    logs: without(now().logs, channel.id),
    current: now().current === channel.id ? "" : now().current,
  });
}

type Handler = (data: any) => void;

const kHandlers: Record<string, Handler> = {
  READY: ready,
  GUILD_CREATE: guildCreated,
  GUILD_UPDATE: (data: Guild) => changeGuild(data.id, () => ({ name: data.name })),
  GUILD_DELETE: (data: { id: Id }) => update({ guilds: without(now().guilds, data.id) }),
  GUILD_MEMBER_ADD: (data) => {
    learn([data.user]);
    changeGuild(data.guild_id, ({ members }) => ({
      members: [...members.filter((one) => one.user.id !== data.user.id), data],
    }));
  },
  GUILD_MEMBER_UPDATE: (data) => {
    update({ users: { ...now().users, [data.user.id]: data.user } });
    changeGuild(data.guild_id, ({ members }) => ({
      members: members.map((one) => (one.user.id === data.user.id ? { ...one, ...data } : one)),
    }));
  },
  GUILD_MEMBER_REMOVE: (data) =>
    changeGuild(data.guild_id, ({ members }) => ({
      members: members.filter((one) => one.user.id !== data.user.id),
    })),
  USER_UPDATE: (user: User) => update({ users: { ...now().users, [user.id]: user }, me: user }),
  CHANNEL_CREATE: channelChanged,
  CHANNEL_UPDATE: channelChanged,
  CHANNEL_DELETE: channelDeleted,
  PRESENCE_UPDATE: (data: Presence) =>
    update({ presences: { ...now().presences, [data.user.id]: data.status } }),
  TYPING_START: typing,
  MESSAGE_CREATE: messageCreated,
  MESSAGE_UPDATE: (data: Message) => changeMessage(data.channel_id, data.id, () => data),
  MESSAGE_DELETE: (data) => messageDeleted(data.channel_id, [data.id]),
  MESSAGE_DELETE_BULK: (data) => messageDeleted(data.channel_id, data.ids),
  MESSAGE_REACTION_ADD: (data: ReactionEvent) => reacted(data, 1),
  MESSAGE_REACTION_REMOVE: (data: ReactionEvent) => reacted(data, -1),
  MESSAGE_REACTION_REMOVE_ALL: (data) =>
    changeMessage(data.channel_id, data.message_id, () => ({ reactions: [] })),
  MESSAGE_ACK: acknowledged,
  INTERACTION_FAILURE: () => notice("That bot did not answer the command."),
  TROUPE_STAGE: (data: Stage) => update({ stages: { ...now().stages, [data.channel_id]: data } }),
};

// An event of a newer hub is none of ours.
export const apply = (name: string, data: unknown) => kHandlers[name]?.(data);
