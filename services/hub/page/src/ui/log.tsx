// The messages of a channel: history on scroll with the view kept where it is, day and "new" lines,
// and arrow keys to walk through it.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import * as actions from "../actions";
import { channelName, emptyLog, isUnread, now, update, useStore } from "../state";
import type { Message } from "../types";
import { day, dayKey, isAfter } from "../time";
import { Empty, Icon } from "./parts";
import { MessageView, isStaged, openDirector } from "./message";

const kGroupMs = 7 * 60_000; // lines of the same author that stand closer than that are one group
const kNearPx = 80; // this near to the end, the view follows new lines
const kFetchPx = 600; // this near to an edge, the next messages are fetched

const startsGroup = (message: Message, before?: Message) =>
  !before ||
  message.type !== 0 ||
  before.author.id !== message.author.id ||
  before.author.username !== message.author.username ||
  Date.parse(message.timestamp) - Date.parse(before.timestamp) > kGroupMs ||
  !!((message.flags ?? 0) & 64);

// What a line does for its keys while it has the focus.
function messageKey(event: KeyboardEvent, message: Message | undefined, mine: boolean) {
  if (!message || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "r") update({ replyTo: message });
  else if (event.key === "e" && mine) update({ editing: message.id });
  else if ((event.key === "w" || event.key === "Enter") && isStaged(message)) openDirector(message);
  else if (event.key === "+") {
    document.querySelector<HTMLElement>(`#m-${CSS.escape(message.id)} [aria-label=React]`)?.click();
  } else return false;
  return true;
}

// Keeps the first visible line where it stands while others come and go around it.
function useAnchor(box: { current: HTMLDivElement | null }, messages: Message[]) {
  const stuck = useRef(true);
  const anchor = useRef<{ id: string; top: number }>();
  const remember = () => {
    const view = box.current;
    if (!view) return;
    stuck.current = view.scrollHeight - view.scrollTop - view.clientHeight < kNearPx;
    const top = view.getBoundingClientRect().top;
    for (const line of view.querySelectorAll<HTMLElement>(".message")) {
      const place = line.getBoundingClientRect();
      if (place.bottom > top) {
        anchor.current = { id: line.id, top: place.top - top };
        return;
      }
    }
  };
  const restore = () => {
    const view = box.current;
    if (!view) return;
    const line = anchor.current && document.getElementById(anchor.current.id);
    if (stuck.current) view.scrollTop = view.scrollHeight;
    else if (line) {
      const top = line.getBoundingClientRect().top - view.getBoundingClientRect().top;
      view.scrollTop += top - anchor.current!.top;
    }
  };
  useLayoutEffect(restore, [messages]);
  useEffect(() => {
    // A picture has come, the composer has grown, a phone shows its keyboard.
    const observer = new ResizeObserver(restore);
    observer.observe(box.current!);
    if (box.current!.firstElementChild) observer.observe(box.current!.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return { stuck, remember };
}

function Beginning({ name, direct }: { name: string; direct: boolean }) {
  return (
    <div class="beginning">
      <h2>{direct ? name : `#${name}`}</h2>
      <p>
        {direct
          ? `Just you and ${name}.`
          : "The curtain is up. Say something, and see who answers."}
      </p>
    </div>
  );
}

export function LogView({ channel: id }: { channel: string }) {
  const log = useStore((state) => state.logs[id] ?? emptyLog);
  const channel = useStore((state) => state.channels[id]);
  const unreadFrom = useStore((state) => state.unreadFrom);
  const highlight = useStore((state) => state.highlight);
  const editing = useStore((state) => state.editing);
  const shown = useStore((state) =>
    state.panel?.kind === "director" ? state.panel.message.id : "",
  );
  const box = useRef<HTMLDivElement>(null);
  const [focused, focus] = useState("");
  const { stuck, remember } = useAnchor(box, log.messages);
  const last = log.messages.at(-1);
  const tabbed = log.messages.some((one) => one.id === focused) ? focused : last?.id;

  const seen = () => {
    const current = now().channels[id];
    const reads = now().reads[id];
    if (
      log.atEnd &&
      stuck.current &&
      !document.hidden &&
      document.hasFocus() &&
      current &&
      (isUnread(now(), current) || reads?.mentions)
    )
      void actions.acknowledge(id);
  };
  const scrolled = () => {
    remember();
    const view = box.current!;
    if (view.scrollTop < kFetchPx) void actions.loadOlder(id);
    if (view.scrollHeight - view.scrollTop - view.clientHeight < kFetchPx)
      void actions.loadNewer(id);
    seen();
  };
  useEffect(seen, [last?.id, log.atEnd]);
  useEffect(() => {
    addEventListener("focus", seen);
    return () => removeEventListener("focus", seen);
  });

  const key = (event: KeyboardEvent) => {
    const lines = [...box.current!.querySelectorAll<HTMLElement>(".message")];
    const at = lines.findIndex((line) => line === document.activeElement);
    if (at < 0) return;
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: lines.length - 1 }[event.key];
    if (to !== undefined) {
      lines[to]?.focus();
      lines[to]?.scrollIntoView({ block: "nearest" });
    } else {
      const message = log.messages.find((one) => `m-${one.id}` === lines[at]!.id);
      if (!messageKey(event, message, message?.author.id === now().me?.id)) return;
    }
    event.preventDefault();
  };

  return (
    <div class="log-wrap">
      <div
        ref={box}
        class="log"
        role="log"
        aria-live={log.loading ? "off" : "polite"}
        aria-relevant="additions"
        aria-busy={!!log.loading}
        aria-label={`Messages in ${channelName(channel)}`}
        tabIndex={0}
        onScroll={scrolled}
        onKeyDown={key}
        onFocusIn={(event) =>
          focus((event.target as Element).closest(".message")?.id.slice(2) ?? "")
        }
      >
        <div class="lines">
          {log.atStart && <Beginning name={channelName(channel)} direct={channel?.type === 1} />}
          {!log.atStart && log.loading && <p class="fetching">Turning back the pages…</p>}
          {log.messages.flatMap((message, at) => {
            const before = log.messages[at - 1];
            const newDay = !before || dayKey(before.timestamp) !== dayKey(message.timestamp);
            const fresh =
              !!unreadFrom &&
              isAfter(message.id, unreadFrom) &&
              !message.sending &&
              message.author.id !== now().me?.id &&
              (!before || !isAfter(before.id, unreadFrom));
            return [
              newDay && (
                <div
                  key={`d${message.id}`}
                  class="rule"
                  role="separator"
                  aria-label={day(message.timestamp)}
                >
                  <span>{day(message.timestamp)}</span>
                </div>
              ),
              fresh && (
                <div key="new" class="rule new" role="separator" aria-label="New messages">
                  <span>New</span>
                </div>
              ),
              <MessageView
                key={message.nonce ?? message.id}
                message={message}
                head={newDay || fresh || startsGroup(message, before)}
                editing={editing === message.id}
                shown={shown === message.id}
                lit={highlight?.id === message.id ? highlight.turn : 0}
                tabbed={tabbed === message.id}
              />,
            ].filter(Boolean);
          })}
          {log.error && (
            <Empty title="The messages could not be read">
              {log.error}{" "}
              <button type="button" onClick={() => actions.loadLatest(id)}>
                Try again
              </button>
            </Empty>
          )}
        </div>
      </div>
      {!log.atEnd && log.messages.length > 0 && (
        <button type="button" class="present" onClick={actions.toPresent}>
          You are looking at older messages. To the present <Icon name="down" />
        </button>
      )}
    </div>
  );
}
