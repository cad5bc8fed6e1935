// Channels on the left, with what is unread in them, and the person's own place at the bottom.
import { useState } from "preact/hooks";
import { openChannel } from "../actions";
import { channelName, isUnread, nameOf, update, useStore } from "../state";
import type { Channel, Guild } from "../types";
import { nextTheme, theme } from "../theme";
import { Avatar } from "./avatar";
import { Icon, IconButton, memo } from "./parts";

const byPosition = (a: Channel, b: Channel) => (a.position ?? 0) - (b.position ?? 0);

const Entry = memo(({ channel }: { channel: Channel }) => {
  const current = useStore((state) => state.current === channel.id);
  const unread = useStore((state) => isUnread(state, channel)) && !current;
  const mentions = useStore((state) => state.reads[channel.id]?.mentions ?? 0);
  const other = channel.type === 1 ? channel.recipients?.[0] : undefined;
  const name = channelName(channel);
  const label = [
    name,
    unread && "unread",
    mentions && `${mentions} ${mentions === 1 ? "mention" : "mentions"}`,
  ]
    .filter(Boolean)
    .join(", ");
  return (
    <li>
      <button
        type="button"
        class={`channel ${unread ? "unread" : ""}`}
        aria-label={label}
        aria-current={current ? "page" : undefined}
        onClick={() => openChannel(channel.id)}
      >
        {other ? <Avatar user={other} size={22} /> : <Icon name="hash" />}
        <span>{name}</span>
        {mentions > 0 && <b class="count-badge">{Math.min(mentions, 99)}</b>}
      </button>
    </li>
  );
});

function GuildSection({ guild }: { guild: Guild }) {
  const channels = useStore((state) => state.channels);
  const own = Object.values(channels)
    .filter((one) => one.guild_id === guild.id)
    .sort(byPosition);
  const groups = [undefined, ...own.filter((one) => one.type === 4)].map((group) => ({
    group,
    entries: own.filter((one) => one.type === 0 && (one.parent_id ?? undefined) === group?.id),
  }));
  return (
    <>
      {groups
        .filter(({ entries }) => entries.length)
        .map(({ group, entries }) => (
          <section key={group?.id ?? "top"}>
            <h2 class="group">{group?.name ?? guild.name}</h2>
            <ul>
              {entries.map((channel) => (
                <Entry key={channel.id} channel={channel} />
              ))}
            </ul>
          </section>
        ))}
    </>
  );
}

function Footer() {
  const me = useStore((state) => state.me);
  const [chosen, choose] = useState(theme());
  const icon = { system: "half", light: "sun", dark: "moon" } as const;
  return (
    <footer class="self">
      {me && <Avatar user={me} size={32} />}
      <span>
        <strong>{nameOf(me)}</strong>
        <small>in the front row</small>
      </span>
      <IconButton
        icon={icon[chosen]}
        label={`Theme: ${chosen}`}
        onClick={() => choose(nextTheme())}
      />
    </footer>
  );
}

export function Sidebar() {
  const guilds = useStore((state) => state.guilds);
  const channels = useStore((state) => state.channels);
  const drawer = useStore((state) => state.drawer);
  const direct = Object.values(channels).filter((one) => one.type === 1);
  return (
    <nav class={`sidebar ${drawer ? "open" : ""}`} aria-label="Channels">
      <header class="brand">
        <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
          <path class="mask" d="M6 6c6 2 14 2 20 0v9.5C26 22 21.5 27 16 27S6 22 6 15.5z" />
          <path
            class="cut"
            d="M10.5 13c1.2-1.1 2.9-1.1 4 0M17.5 13c1.2-1.1 2.9-1.1 4 0M11 18.3c1.6 3.9 8.4 3.9
               10 0"
          />
        </svg>
        <span>{Object.values(guilds)[0]?.name ?? "Troupe"}</span>
        <IconButton
          icon="close"
          class="narrow-only"
          label="Close channels"
          onClick={() => update({ drawer: false })}
        />
      </header>
      <button type="button" class="find" onClick={() => update({ switcher: true })}>
        <Icon name="search" />
        <span>Go to…</span>
        <kbd>Ctrl K</kbd>
      </button>
      <div class="channels">
        {Object.values(guilds).map((guild) => (
          <GuildSection key={guild.id} guild={guild} />
        ))}
        {direct.length > 0 && (
          <section>
            <h2 class="group">In private</h2>
            <ul>
              {direct.map((channel) => (
                <Entry key={channel.id} channel={channel} />
              ))}
            </ul>
          </section>
        )}
      </div>
      <Footer />
    </nav>
  );
}
