// A bot on discord.js that does what it is told: a JSON command a line comes in, a JSON event a
// line goes out. The same language as tests/integration/discord_py_client.py.
//
//   node discord_js_client.mjs NODE_MODULES API GATEWAY TOKEN INTENT...
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const [modules, api, , token, ...intents] = process.argv.slice(2);
const require = createRequire(resolve(modules, "discord.js/package.json"));
const { Client, GatewayIntentBits, Partials, MessageFlags, WebhookClient } = require("discord.js");

const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));
const names = {
  guilds: "Guilds", messages: "GuildMessages", reactions: "GuildMessageReactions",
  typing: "GuildMessageTyping", content: "MessageContent", members: "GuildMembers",
  presences: "GuildPresences", direct: "DirectMessages",
};
const client = new Client({
  intents: intents.filter((name) => names[name]).map((name) => GatewayIntentBits[names[name]]),
  partials: [Partials.Channel, Partials.Message, Partials.Reaction],
  rest: { api: api.replace(/\/v10$/, ""), retries: 3, rejectOnRateLimit: null },
});

const message = (m) => ({
  id: m.id, channel: m.channelId, content: m.content, author: m.author?.id, bot: m.author?.bot,
  name: m.author?.username, nonce: m.nonce, reference: m.reference?.messageId ?? null,
  edited: Boolean(m.editedTimestamp), webhook: m.webhookId ?? null,
  attachments: m.attachments.map((a) => ({ name: a.name, size: a.size, url: a.url })),
  mentions: m.mentions.users.map((u) => u.id),
  reactions: m.reactions.cache.map((r) => ({ emoji: r.emoji.name, count: r.count, me: r.me })),
});

client.on("clientReady", () =>
  say("ready", {
    user: client.user.id, name: client.user.username,
    guilds: client.guilds.cache.map((g) => ({
      id: g.id, name: g.name,
      channels: g.channels.cache.map((c) => ({ id: c.id, name: c.name, type: c.type })),
      members: g.members.cache.map((m) => m.user.id),
    })),
  }),
);
client.on("messageCreate", (m) => say("message", message(m)));
client.on("messageUpdate", (_, m) => say("edit", message(m)));
client.on("messageDelete", (m) => say("delete", { id: m.id, channel: m.channelId }));
const reaction = (r, u) => ({ id: r.message.id, emoji: r.emoji.name, user: u.id });
client.on("messageReactionAdd", (r, u) => say("react", reaction(r, u)));
client.on("messageReactionRemove", (r, u) => say("unreact", reaction(r, u)));
client.on("typingStart", (t) => say("typing", { channel: t.channel.id, user: t.user.id }));
client.on("presenceUpdate", (_, p) => say("presence", { user: p.userId, status: p.status }));
client.on("shardResume", () => say("resumed"));
client.on("shardReconnecting", () => say("reconnecting"));
client.on("shardDisconnect", (close) => say("stopped", { code: close.code }));
client.on("shardError", (error) => say("error", { text: String(error) }));
client.on("error", (error) => say("error", { text: String(error) }));
client.rest.on("rateLimited", (info) => say("limited", { global: info.global }));
client.rest.on("response", (_, response) => {
  if (response.status === 429)
    say("429", { global: response.headers.get("x-ratelimit-global") === "true" });
});

client.on("interactionCreate", async (call) => {
  const target = call.isMessageContextMenuCommand() ? call.targetMessage.content : null;
  const text = call.isChatInputCommand() ? call.options.getString("text") : null;
  say("called", { name: call.commandName, user: call.user.id, target, text });
  try {
    if (call.commandName === "echo") await call.reply({ content: text });
    if (call.commandName === "Shout") {
      await call.reply({ content: target.toUpperCase(), flags: MessageFlags.Ephemeral });
    }
    if (call.commandName === "later") {
      await call.deferReply({ flags: MessageFlags.Ephemeral });
      await call.editReply({ content: "here it is" });
      await call.followUp({ content: "and more", flags: MessageFlags.Ephemeral });
    }
  } catch (error) {
    say("error", { text: String(error) });
  }
});

const commands = [
  { name: "echo", type: 1, description: "Says it.",
    options: [{ name: "text", type: 3, description: "What.", required: true }] },
  { name: "later", type: 1, description: "Takes its time." },
  { name: "Shout", type: 3 },
];
const channel = (o) => client.channels.fetch(o.channel);
const fetched = async (o) => (await channel(o)).messages.fetch(o.id);
const does = {
  send: async (o) => message(await (await channel(o)).send({
    content: o.content, nonce: o.nonce, enforceNonce: Boolean(o.nonce),
    files: (o.files ?? []).map((f) => ({ name: f.name, attachment: Buffer.from(f.text) })),
  })),
  reply: async (o) => message(await (await fetched(o)).reply(o.content)),
  edit: async (o) => message(await (await fetched(o)).edit(o.content)),
  delete: async (o) => void (await (await fetched(o)).delete()),
  react: async (o) => void (await (await fetched(o)).react(o.emoji)),
  unreact: async (o) => {
    const found = (await fetched(o)).reactions.cache.find((r) => r.emoji.name === o.emoji);
    await found.users.remove(client.user.id);
  },
  reactors: async (o) => {
    const found = (await fetched(o)).reactions.cache.find((r) => r.emoji.name === o.emoji);
    return (await found.users.fetch()).map((u) => u.id);
  },
  type: async (o) => void (await (await channel(o)).sendTyping()),
  history: async (o) => {
    const { limit, before, after, around } = o;
    const where = { limit, before, after, around, cache: false };
    const found = await (await channel(o)).messages.fetch(where);
    return found.map((m) => message(m)); // newest first
  },
  members: async () =>
    (await client.guilds.cache.first().members.fetch())
      .map((m) => ({ id: m.id, name: m.user.username })),
  presences: async () =>
    client.guilds.cache.first().presences.cache.map((p) => ({ user: p.userId, status: p.status })),
  presence: async (o) => void client.user.setPresence({ status: o.status }),
  commands: async () =>
    (await client.guilds.cache.first().commands.set(commands))
      .map((c) => ({ id: c.id, name: c.name })),
  webhook: async (o) => (await (await channel(o)).createWebhook({ name: o.name })).id,
  speak_as: async (o) => {
    const hook = new WebhookClient({ id: o.hook, token: o.token }, { rest: client.options.rest });
    const sent = await hook.send({ content: o.content, username: o.as });
    const edited = await hook.editMessage(sent.id, { content: `${o.content}!` });
    return { id: sent.id, name: sent.author.username, edited: edited.content };
  },
  direct: async (o) => message(await (await client.users.fetch(o.user)).send(o.content)),
  download: async (o) => (await fetch(o.url)).text(),
  quit: async () => {
    await client.destroy();
    setTimeout(() => process.exit(0), 100);
  },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const order = JSON.parse(line);
  try {
    say("done", { order: order.order, result: (await does[order.do](order)) ?? null });
  } catch (error) {
    const { status = 0, code = 0 } = error;
    say("done", { order: order.order, refused: { status, code, text: String(error) } });
  }
});
client.login(token).catch((error) => say("stopped", { code: 0, text: String(error) }));
