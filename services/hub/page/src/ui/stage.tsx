// The strip above the composer: how much talk is left in the cast, who is at it, why nobody is.
import { nameOf, playerOf, useStore } from "../state";
import type { Stage, User } from "../types";
import { clock } from "../time";
import { silence, spoken } from "../words";
import { Avatar } from "./avatar";
import { Icon } from "./parts";

const kPipsMax = 12;

function Energy({ stage }: { stage: Stage }) {
  const most = Math.max(stage.energy_max, stage.energy, 1);
  const label = `Energy of the cast: ${Math.round(stage.energy * 10) / 10} of ${most}`;
  const shown = Math.min(kPipsMax, Math.round(most));
  const share = (stage.energy / most) * shown;
  return (
    <div
      class="energy"
      role="meter"
      aria-label="Energy of the cast"
      aria-valuemin={0}
      aria-valuemax={most}
      aria-valuenow={stage.energy}
      title={`${label}. Your words refill it.`}
    >
      <Icon name="bolt" />
      {Array.from({ length: shown }, (_, pip) => (
        <i>
          <b style={{ width: `${Math.max(0, Math.min(1, share - pip)) * 100}%` }} />
        </i>
      ))}
    </div>
  );
}

const Dots = () => (
  <span class="dots" aria-hidden="true">
    <i />
    <i />
    <i />
  </span>
);

function names(users: User[]) {
  const all = users.map(nameOf);
  if (all.length < 2) return `${all[0]} is`;
  if (all.length > 3) return "Several people are";
  return `${all.slice(0, -1).join(", ")} and ${all.at(-1)} are`;
}

function Mood({ stage }: { stage: Stage }) {
  const player = playerOf(stage.character);
  const name = player ? nameOf(player) : stage.character;
  if (stage.quiet_until_ms > Date.now()) {
    return <>Quiet until {clock(stage.quiet_until_ms)}. Who is called by name still answers.</>;
  }
  if (stage.status === "open" && name) {
    return (
      <>
        {player && <Avatar user={player} size={18} />}
        <span>{name} is drafting</span>
        <Dots />
      </>
    );
  }
  if (stage.status === "said" && name) {
    return (
      <>
        {player && <Avatar user={player} size={18} />}
        <span>
          {name} had the last word: {spoken(stage.reason)}.
        </span>
      </>
    );
  }
  if (stage.status === "silent" || stage.status === "interrupted") {
    return <>{silence(stage.reason)}</>;
  }
  return <>The cast is listening.</>;
}

export function StageStrip({ channel }: { channel: string }) {
  const stage = useStore((state) => state.stages[channel]);
  const typing = useStore((state) => state.typing[channel]);
  const users = useStore((state) => state.users);
  const typists = Object.keys(typing ?? {})
    .map((id) => users[id])
    .filter((user) => !!user);
  return (
    <section class="strip" aria-label="The stage">
      {stage && <Energy stage={stage} />}
      <p class="mood" role="status">
        {typists.length > 0 ? (
          <>
            <span class="faces">
              {typists.slice(0, 3).map((user) => (
                <Avatar user={user} size={18} />
              ))}
            </span>
            <span class="typing">{names(typists)} typing</span>
            <Dots />
          </>
        ) : (
          stage && <Mood stage={stage} />
        )}
      </p>
    </section>
  );
}
