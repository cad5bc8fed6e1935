// What was said before: words, `from:name` and `in:channel`.
import { useEffect, useRef, useState } from "preact/hooks";
import * as actions from "../actions";
import * as api from "../api";
import { channelName, guildOf, nameOf, now, update, useStore } from "../state";
import type { Message } from "../types";
import { moment } from "../time";
import { Avatar, tintOf } from "./avatar";
import { RichText } from "./rich_text";
import { Empty, SidePanel } from "./parts";

const kPauseMs = 250; // after the last key, so that not every letter asks the hub

// The request that a query stands for; a name that nobody has finds nothing, so it stays a word.
function request(query: string): Record<string, string> {
  const where: Record<string, string> = {};
  const words = query.split(/\s+/).filter((word) => {
    const [, key, value] = /^(from|in):#?(.+)$/.exec(word.toLowerCase()) ?? [];
    if (!key || !value) return true;
    const { users, channels } = now();
    const user = Object.values(users).find(
      (one) =>
        nameOf(one).toLowerCase().startsWith(value) || one.username.toLowerCase().startsWith(value),
    );
    const channel = Object.values(channels).find((one) => one.name?.toLowerCase() === value);
    if (key === "from" && user) where.author_id = user.id;
    else if (key === "in" && channel) where.channel_id = channel.id;
    else return true;
    return false;
  });
  if (words.some(Boolean)) where.content = words.join(" ").trim();
  return where;
}

const Hit = ({ message }: { message: Message }) => {
  const channel = useStore((state) => state.channels[message.channel_id]);
  return (
    <li>
      <button
        type="button"
        class="hit"
        onClick={() => actions.jump(message.channel_id, message.id)}
        aria-label={`Jump to what ${nameOf(message.author)} said in ${channelName(channel)}`}
      >
        <small>
          #{channelName(channel)} · {moment(message.timestamp)}
        </small>
        <span class="hit-who">
          <Avatar user={message.author} size={20} />
          <strong class={`name tint-${tintOf(message.author)}`}>{nameOf(message.author)}</strong>
        </span>
      </button>
      <div class="said">
        <RichText text={message.content} />
      </div>
    </li>
  );
};

export function Search({ query: first }: { query: string }) {
  const [query, write] = useState(first);
  const [found, show] = useState<{
    query: string;
    total: number;
    hits: Message[];
    problem?: string;
  }>();
  const box = useRef<HTMLInputElement>(null);
  const guild = guildOf(now().channels[now().current]);
  useEffect(() => box.current?.focus(), []);
  useEffect(() => {
    const where = request(query.trim());
    if (!guild || !Object.keys(where).length) return show(undefined);
    let late = false;
    const timer = setTimeout(
      () =>
        api.search(guild.id, where).then(
          (reply) =>
            late ||
            show({
              query,
              total: reply.total_results,
              hits: reply.messages.map((group) => group[0]!).filter(Boolean),
            }),
          (error: unknown) => late || show({ query, total: 0, hits: [], problem: String(error) }),
        ),
      kPauseMs,
    );
    return () => {
      late = true;
      clearTimeout(timer);
    };
  }, [query]);
  return (
    <SidePanel title="Search" class="search" onClose={() => update({ panel: undefined })}>
      <input
        ref={box}
        type="search"
        value={query}
        aria-label="Search messages"
        placeholder="words, from:peter, in:bar"
        onInput={(event) => write(event.currentTarget.value)}
      />
      <p class="subtext" role="status">
        {found && !found.problem && `${found.total} ${found.total === 1 ? "line" : "lines"} found`}
      </p>
      {found?.problem && <Empty title="The search failed">{found.problem}</Empty>}
      {!found && <Empty title="What was that again?">Type a few words of it.</Empty>}
      {found && !found.problem && !found.hits.length && (
        <Empty title="Nobody said that">Try fewer or other words.</Empty>
      )}
      <ul class="hits">
        {found?.hits.map((message) => <Hit key={message.id} message={message} />)}
      </ul>
    </SidePanel>
  );
}
