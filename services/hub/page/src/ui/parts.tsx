// Small things that several parts of the page use.
import { Component, type ComponentChildren, type FunctionComponent, type VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

// Draws again only when one of the properties is another value.
export function memo<P extends object>(Drawn: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    shouldComponentUpdate(next: P) {
      const before = this.props as Record<string, unknown>;
      const after = next as Record<string, unknown>;
      return [...Object.keys(before), ...Object.keys(after)].some(
        (key) => before[key] !== after[key],
      );
    }
    render() {
      return <Drawn {...(this.props as P)} />;
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}

const kPaths = {
  hash: "M9 4 7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  at: "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0zm0 0v1.5a2.5 2.5 0 0 0 5 0V12a9 9 0 1 0-3.5 7.1",
  menu: "M4 6h16M4 12h16M4 18h16",
  people:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6" +
    "M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.4c2 .8 3.2 2.6 3.5 5.6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 21 21",
  close: "M6 6l12 12M18 6 6 18",
  reply: "M9 7 4 12l5 5M4 12h9c4 0 7 2 7 6",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14.5c1.5 2.5 5.5 2.5 7 0M9 9.5h.01M15 9.5h.01",
  pen: "M4 20l1-4L16.5 4.5l3 3L8 19zM14 7l3 3",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  why: "M9.2 9a2.9 2.9 0 1 1 4.5 2.5c-1.2.8-1.7 1.4-1.7 2.8M12 18h.01",
  plus: "M12 5v14M5 12h14",
  send: "M4 12 20 4l-5 16-3.5-6.5z",
  down: "M12 5v14M6 13l6 6 6-6",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2" +
    "M5 5l1.4 1.4M17.6 17.6 19 19M19 5l-1.4 1.4M6.4 17.6 5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  half: "M12 21a9 9 0 1 0 0-18zM12 3a9 9 0 0 0 0 18",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
};

export const Icon = ({ name }: { name: keyof typeof kPaths }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={kPaths[name]} />
  </svg>
);

interface ButtonProps {
  icon: keyof typeof kPaths;
  label: string;
  onClick: (event: MouseEvent) => void;
  pressed?: boolean;
  class?: string;
  expanded?: boolean;
}

export const IconButton = ({
  icon,
  label,
  onClick,
  pressed,
  class: extra,
  expanded,
}: ButtonProps) => (
  <button
    type="button"
    class={`icon-button ${extra ?? ""}`}
    aria-label={label}
    title={label}
    aria-pressed={pressed}
    aria-expanded={expanded}
    onClick={onClick}
  >
    <Icon name={icon} />
  </button>
);

interface PanelProps {
  title: string;
  class: string;
  onClose: () => void;
  children: ComponentChildren;
}

// The column on the right; focus goes to it when it opens, so that Esc and reading go on there. The
// members are there from the start and take it from nobody.
export function SidePanel({ title, class: extra, onClose, children }: PanelProps) {
  const own = useRef<HTMLElement>(null);
  useEffect(() => {
    if (extra !== "members") own.current?.focus({ preventScroll: true });
  }, []);
  return (
    <aside ref={own} class={`side ${extra}`} aria-label={title} tabIndex={-1}>
      <header class="side-head">
        <h2>{title}</h2>
        <IconButton icon="close" label={`Close ${title}`} onClick={onClose} />
      </header>
      <div class="side-body" tabIndex={0} role="region" aria-label={`${title}: contents`}>
        {children}
      </div>
    </aside>
  );
}

export const kEmoji = [
  "👍",
  "👎",
  "❤️",
  "😂",
  "😮",
  "😢",
  "😡",
  "🎉",
  "🔥",
  "👏",
  "🤔",
  "👀",
  "🍺",
  "🐶",
  "🍼",
  "🎭",
  "✅",
  "❌",
  "🙏",
  "💯",
  "🚀",
  "🤯",
  "🥱",
  "🫡",
];

// Floats over the page until something is picked, Esc is pressed or focus leaves.
export function EmojiPicker({ pick, close }: { pick: (emoji: string) => void; close: () => void }) {
  const own = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    own.current?.querySelector("button")?.focus();
    return () => before?.focus?.({ preventScroll: true });
  }, []);
  const key = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
    if (event.key === "Escape") close();
    else if (!step) return;
    const all = [...own.current!.querySelectorAll("button")];
    all[all.indexOf(document.activeElement as HTMLButtonElement) + (step ?? 0)]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  const leave = (event: FocusEvent) => {
    if (!own.current?.contains(event.relatedTarget as Node | null)) close();
  };
  return (
    <div
      ref={own}
      class="picker"
      role="dialog"
      aria-label="Pick an emoji"
      onKeyDown={key}
      onFocusOut={leave}
    >
      {kEmoji.map((emoji) => (
        <button type="button" aria-label={emoji} onClick={() => pick(emoji)}>
          {emoji}
        </button>
      ))}
    </div>
  );
}

export const Empty = ({
  title,
  children,
}: {
  title: string;
  children?: ComponentChildren;
}): VNode => (
  <div class="empty">
    <strong>{title}</strong>
    {children && <p>{children}</p>}
  </div>
);
