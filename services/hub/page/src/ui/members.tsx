// Who is here: the cast first, then the people; who is away last.
import { openDirect } from "../actions";
import { guildOf, nameOf, update, useStore } from "../state";
import type { Member } from "../types";
import { Avatar, tintOf } from "./avatar";
import { Empty, SidePanel, memo } from "./parts";

const Person = memo(({ member: { user, nick } }: { member: Member }) => {
  const status = useStore((state) =>
    user.id === state.me?.id && state.connection === "open"
      ? "online"
      : (state.presences[user.id] ?? "offline"),
  );
  const mine = useStore((state) => state.me?.id === user.id);
  const inside = (
    <>
      <span class={`face ${status}`}>
        <Avatar user={user} size={32} />
        <i aria-hidden="true" />
      </span>
      <span class="who">
        <strong class={`name tint-${tintOf(user)}`}>{nick || nameOf(user)}</strong>
        <small>{status === "offline" ? "away" : status === "dnd" ? "busy" : status}</small>
      </span>
    </>
  );
  return (
    <li>
      {mine ? (
        <div class="member">{inside}</div>
      ) : (
        <button
          type="button"
          class="member"
          title={`Write to ${nameOf(user)} in private`}
          onClick={() => openDirect(user.id)}
        >
          {inside}
        </button>
      )}
    </li>
  );
});

export function Members() {
  const current = useStore((state) => state.channels[state.current]);
  const guild = useStore(() => guildOf(current));
  const members = [...(guild?.members ?? [])].sort((a, b) =>
    nameOf(a.user).localeCompare(nameOf(b.user)),
  );
  const groups = [
    { title: "The cast", list: members.filter((one) => one.user.bot) },
    { title: "The audience", list: members.filter((one) => !one.user.bot) },
  ];
  return (
    <SidePanel title="Members" class="members" onClose={() => update({ panel: undefined })}>
      {!members.length && <Empty title="Nobody is here yet" />}
      {groups
        .filter(({ list }) => list.length)
        .map(({ title, list }) => (
          <section>
            <h3 class="group">
              {title} <span>{list.length}</span>
            </h3>
            <ul>
              {list.map((member) => (
                <Person key={member.user.id} member={member} />
              ))}
            </ul>
          </section>
        ))}
    </SidePanel>
  );
}
