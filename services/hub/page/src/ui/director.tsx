// The director's view: the turn behind a line. Who was considered, what was looked up, every draft
// and what the judge thought of it, and where the milliseconds went.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { nameOf, playerOf, update } from "../state";
import type { Assessment, Attempt, Message, ScoreTable, TurnRecord } from "../types";
import { milliseconds } from "../time";
import { kComponents, kTerms, readable, silence, spoken } from "../words";
import { Avatar } from "./avatar";
import { Empty, SidePanel } from "./parts";

const percent = (share: number) => `${Math.max(0, Math.min(1, share)) * 100}%`;
const short = (value: number) => String(Math.round(value * 10) / 10);
const known = (character: string) => {
  const player = playerOf(character);
  return { player, name: player ? nameOf(player) : character };
};

const Section = ({
  title,
  note,
  children,
}: {
  title: string;
  note?: string;
  children: ComponentChildren;
}) => (
  <section class="act">
    <h3>
      {title}
      {note && <small>{note}</small>}
    </h3>
    {children}
  </section>
);

const kTermOrder = Object.keys(kTerms);
const termClass = (term: string) => `term-${kTermOrder.indexOf(term) + 1}`;

function Candidate({
  id,
  terms,
  most,
  spoke,
}: {
  id: string;
  terms: Record<string, number>;
  most: number;
  spoke: boolean;
}) {
  const { player, name } = known(id);
  const parts = Object.entries(terms)
    .filter(([term, value]) => term !== "total" && value)
    .sort(([a], [b]) => kTermOrder.indexOf(a) - kTermOrder.indexOf(b));
  const words = parts.map(([term, value]) => `${kTerms[term] ?? readable(term)} ${short(value)}`);
  const bar = (sign: number) =>
    parts
      .filter(([, value]) => value * sign > 0)
      .map(([term, value]) => (
        <i
          class={termClass(term)}
          style={{ width: percent(Math.abs(value) / most) }}
          title={`${kTerms[term] ?? readable(term)}: ${short(value)}`}
        />
      ));
  return (
    <li class={spoke ? "candidate spoke" : "candidate"}>
      {player ? <Avatar user={player} size={26} /> : <span class="avatar" />}
      <div>
        <p>
          <strong>{name}</strong>
          {spoke && <span class="badge">spoke</span>}
          <b class="total">{short(terms.total ?? 0)}</b>
        </p>
        <div class="stacked" role="img" aria-label={`${name}: ${words.join(", ") || "no terms"}`}>
          {bar(1)}
        </div>
        {parts.some(([, value]) => value < 0) && (
          <div class="stacked against" aria-hidden="true">
            {bar(-1)}
          </div>
        )}
        <small>{words.join(" · ") || "nothing spoke for it"}</small>
      </div>
    </li>
  );
}

function Considered({ scores, speaker }: { scores: ScoreTable; speaker: string }) {
  const list = Object.entries(scores).sort(([, a], [, b]) => (b.total ?? 0) - (a.total ?? 0));
  const most = Math.max(
    1,
    ...list.map(([, terms]) =>
      Object.entries(terms).reduce(
        (sum, [term, value]) => sum + (term !== "total" && value > 0 ? value : 0),
        0,
      ),
    ),
  );
  if (!list.length) return <p class="subtext">Nobody else was weighed: the speaker was given.</p>;
  return (
    <ul class="candidates">
      {list.map(([id, terms]) => (
        <Candidate key={id} id={id} terms={terms} most={most} spoke={id === speaker} />
      ))}
    </ul>
  );
}

// An address of a document is a link only where it is one of the web.
const SourceName = ({ title, uri }: { title: string; uri: string }) =>
  /^https?:\/\//.test(uri) ? (
    <a href={uri} target="_blank" rel="noopener noreferrer nofollow">
      {title || uri}
    </a>
  ) : (
    <strong>{title || uri || "untitled"}</strong>
  );

function Sources({ turn }: { turn: TurnRecord }) {
  if (!turn.sources.length) return <p class="subtext">Nothing was looked up for this line.</p>;
  return (
    <ul class="sources">
      {turn.sources.map((source) => (
        <li>
          <SourceName title={source.title} uri={source.uri} />
          <small>
            {[source.uri, source.span && `bytes ${source.span}`].filter(Boolean).join(" · ")}
          </small>
        </li>
      ))}
    </ul>
  );
}

function Verdict({ assessment }: { assessment: Assessment }) {
  return (
    <>
      <ul class="bars">
        {kComponents.map(({ key, name, share, about }) => {
          const value = assessment.components[key] ?? 0;
          return (
            <li title={`${about}; ${share} % of the score`}>
              <span>{name}</span>
              <div
                class="bar"
                role="meter"
                aria-label={name}
                aria-valuemin={0}
                aria-valuemax={100}
                aria-valuenow={Math.round(value)}
              >
                <i
                  class={value < assessment.threshold ? "low" : ""}
                  style={{ width: percent(value / 100) }}
                />
              </div>
              <b>{Math.round(value)}</b>
            </li>
          );
        })}
        <li class="sum">
          <span>Score</span>
          <div
            class="bar"
            role="meter"
            aria-label="Score"
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(assessment.score)}
          >
            <i
              class={assessment.passed ? "" : "low"}
              style={{ width: percent(assessment.score / 100) }}
            />
            <em style={{ left: percent(assessment.threshold / 100) }} />
          </div>
          <b>{Math.round(assessment.score)}</b>
        </li>
      </ul>
      <p class="subtext">needed {short(assessment.threshold)}</p>
      {assessment.findings.length > 0 && (
        <ul class="findings">
          {assessment.findings.map((finding) => (
            <li class={finding.severity}>
              <strong>{readable(finding.code)}</strong>
              <span class="badge">{finding.severity}</span>
              <p>{finding.hint}</p>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const kOpenMax = 3; // more drafts than these are folded, but for the last

function AttemptView({ attempt, count }: { attempt: Attempt; count: number }) {
  const { assessment } = attempt;
  const passed = assessment?.passed;
  const outcome = attempt.fault
    ? "failed"
    : passed
      ? "passed"
      : assessment
        ? "rejected"
        : "unjudged";
  return (
    <details class="attempt" open={count <= kOpenMax || attempt.number === count}>
      <summary>
        <span class={`verdict ${outcome}`}>{outcome}</span>
        <strong>Draft {attempt.number}</strong>
        {assessment && <b class="total">{Math.round(assessment.score)}</b>}
      </summary>
      {attempt.text && <blockquote>{attempt.text}</blockquote>}
      {attempt.fault && <p class="unsent">{attempt.fault}</p>}
      {assessment && <Verdict assessment={assessment} />}
      <p class="subtext">
        {[
          attempt.model,
          attempt.provider && `by ${attempt.provider}`,
          `${attempt.band} prompt`,
          `drafted in ${milliseconds(attempt.draft_ms)}`,
          assessment && `judged in ${milliseconds(attempt.assess_ms)}`,
          attempt.failovers?.length && `after ${attempt.failovers.join(", ")}`,
          attempt.hints?.length && `hints given: ${attempt.hints.length}`,
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
    </details>
  );
}

const kStageKinds: [RegExp, string][] = [
  [/^observe|follow/, "stage-observe"],
  [/^prompt|hints/, "stage-prompt"],
  [/^retrieve/, "stage-retrieve"],
  [/^draft/, "stage-draft"],
  [/^assess/, "stage-assess"],
];

function Waterfall({ turn }: { turn: TurnRecord }) {
  const whole = Math.max(turn.ms, ...turn.stages.map((one) => one.start_ms + one.ms), 0.001);
  return (
    <ol class="waterfall">
      {turn.stages.map(({ name, start_ms, ms }) => (
        <li>
          <span>{readable(name)}</span>
          <div>
            <i
              class={kStageKinds.find(([kind]) => kind.test(name))?.[1] ?? ""}
              style={{ left: percent(start_ms / whole), width: percent(ms / whole) }}
            />
          </div>
          <b>{milliseconds(ms)}</b>
        </li>
      ))}
    </ol>
  );
}

function Turn({ turn }: { turn: TurnRecord }) {
  const { player, name } = known(turn.character);
  return (
    <>
      <div class="headline">
        {player && <Avatar user={player} size={44} />}
        <p>
          {turn.status === "said" ? (
            <>
              <strong>{name}</strong> {turn.kind === "organic" ? "went on by itself" : "answered"};{" "}
              {spoken(turn.reason)}.
            </>
          ) : (
            silence(turn.reason)
          )}
          <small>
            {milliseconds(turn.ms)} · {turn.model || "no model"}
            {turn.degraded && " · degraded"}
          </small>
        </p>
      </div>
      {turn.message && (
        <blockquote class="cue">
          <small>{turn.author} said</small>
          {turn.message}
        </blockquote>
      )}
      <Section title="Who was considered">
        <Considered scores={turn.scores} speaker={turn.character} />
      </Section>
      <Section
        title="What was looked up"
        note={turn.sources.length ? `${turn.sources.length}` : ""}
      >
        <Sources turn={turn} />
      </Section>
      <Section title="Drafts" note={String(turn.attempts.length)}>
        {turn.attempts.map((attempt) => (
          <AttemptView key={attempt.number} attempt={attempt} count={turn.attempts.length} />
        ))}
        {!turn.attempts.length && <p class="subtext">Nothing was drafted.</p>}
      </Section>
      <Section title="Where the time went" note={milliseconds(turn.ms)}>
        <Waterfall turn={turn} />
      </Section>
      {turn.faults.length > 0 && (
        <Section title="What went wrong on the way">
          <ul class="findings">
            {turn.faults.map((fault) => (
              <li class="major">
                <p>{fault}</p>
              </li>
            ))}
          </ul>
        </Section>
      )}
      <p class="subtext turn-id">turn {turn.turn_id}</p>
    </>
  );
}

export function Director({ message }: { message: Message }) {
  const [found, show] = useState<{ id: string; turn?: TurnRecord; problem?: string }>();
  const [again, ask] = useState(0);
  useEffect(() => {
    let left = false;
    const say = (value: { turn?: TurnRecord; problem?: string }) => {
      if (!left) show({ id: message.id, ...value });
    };
    api.turn(message.id).then(
      (turn) => say({ turn }),
      (error: unknown) =>
        say({
          problem:
            error instanceof api.ApiError && error.status === 404
              ? "No turn is kept for this line."
              : error instanceof Error
                ? error.message
                : String(error),
        }),
    );
    return () => void (left = true);
  }, [message.id, again]);
  const current = found?.id === message.id ? found : undefined;
  return (
    <SidePanel
      title="Behind this line"
      class="director"
      onClose={() => update({ panel: undefined })}
    >
      {!current && (
        <p class="fetching" role="status">
          Asking the prompter…
        </p>
      )}
      {current?.turn && <Turn turn={current.turn} />}
      {current?.problem && (
        <Empty title="Nothing behind the curtain">
          {current.problem}{" "}
          <button type="button" onClick={() => ask(again + 1)}>
            Ask again
          </button>
        </Empty>
      )}
    </SidePanel>
  );
}
