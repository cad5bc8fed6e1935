// Ctrl+K: to a channel or a member by a few letters.
import { useEffect, useRef, useState } from "preact/hooks";
import { openChannel, openDirect } from "../actions";
import { channelName, isUnread, nameOf, now, update } from "../state";
import type { User } from "../types";
import { Avatar } from "./avatar";
import { Icon } from "./parts";

const kShown = 9;

interface Target {
  key: string;
  name: string;
  user?: User;
  weight: number;
  go: () => void;
}

function targets(wanted: string): Target[] {
  const state = now();
  const channels = Object.values(state.channels)
    .filter((one) => one.type !== 4)
    .map((one) => ({
      key: one.id,
      name: channelName(one),
      user: one.type === 1 ? one.recipients?.[0] : undefined,
      weight: isUnread(state, one) ? 2 : 1,
      go: () => void openChannel(one.id),
    }));
  const known = new Set(channels.map((one) => one.user?.id));
  const people = Object.values(state.users)
    .filter((user) => user.id !== state.me?.id && !known.has(user.id))
    .map((user) => ({
      key: user.id,
      name: nameOf(user),
      user,
      weight: 0,
      go: () => void openDirect(user.id),
    }));
  return [...channels, ...people]
    .map((one) => {
      const at = one.name.toLowerCase().indexOf(wanted);
      return { ...one, weight: at < 0 ? -1 : one.weight + (at === 0 ? 4 : 0) };
    })
    .filter((one) => one.weight >= 0)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, kShown);
}

export function Switcher() {
  const [query, write] = useState("");
  const [at, choose] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const found = targets(query.trim().replace(/^[#@]/, "").toLowerCase());
  const close = () => update({ switcher: false });
  useEffect(() => dialog.current?.showModal(), []);
  const go = (target?: Target) => {
    close();
    target?.go();
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: found.length - 1 }[event.key];
    if (step && found.length) choose((at + step) % found.length);
    else if (event.key === "Enter") go(found[at]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={dialog}
      class="switcher"
      aria-label="Go to"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <input
        value={query}
        placeholder="Where to?"
        aria-label="Channel or member"
        role="combobox"
        aria-expanded="true"
        aria-controls="targets"
        onKeyDown={key}
        aria-activedescendant={found.length ? `target-${at}` : undefined}
        onInput={(event) => {
          write(event.currentTarget.value);
          choose(0);
        }}
      />
      <ul id="targets" role="listbox" aria-label="Channels and members">
        {found.map((one, number) => (
          <li
            key={one.key}
            id={`target-${number}`}
            role="option"
            aria-selected={number === at}
            onClick={() => go(one)}
          >
            {one.user ? <Avatar user={one.user} size={22} /> : <Icon name="hash" />}
            <span>{one.name}</span>
          </li>
        ))}
      </ul>
      {!found.length && <p class="subtext">Nothing of that name.</p>}
    </dialog>
  );
}
