// The page's frame: channels, conversation, and one panel beside it.
import { useEffect } from "preact/hooks";
import { begin } from "../actions";
import { channelName, now, update, useStore, type Panel } from "../state";
import { Composer } from "./composer";
import { Director } from "./director";
import { LogView } from "./log";
import { Members } from "./members";
import { Empty, Icon, IconButton } from "./parts";
import { Search } from "./search";
import { Sidebar } from "./sidebar";
import { StageStrip } from "./stage";
import { Switcher } from "./switcher";

const kWide = matchMedia("(min-width: 1080px)");

function Banner() {
  const connection = useStore((state) => state.connection);
  const note = useStore((state) => state.connectionNote);
  const ready = useStore((state) => state.phase === "ready");
  const words =
    connection === "stopped"
      ? `${note} Reload the page to begin anew.`
      : connection === "open" || !ready
        ? ""
        : "The line to the hub is down. Trying again…";
  return (
    <div class="banner-place" role="status">
      {words && <p class="banner">{words}</p>}
    </div>
  );
}

function toggle(kind: "members" | "search") {
  const next: Panel = kind === "members" ? { kind } : { kind, query: "" };
  update({ panel: now().panel?.kind === kind ? undefined : next });
}

function Head() {
  const channel = useStore((state) => state.channels[state.current]);
  const panel = useStore((state) => state.panel?.kind);
  return (
    <header class="head">
      <IconButton
        icon="menu"
        class="narrow-only"
        label="Channels"
        onClick={() => update({ drawer: true })}
      />
      <h1>
        <Icon name={channel?.type === 1 ? "at" : "hash"} />
        {channelName(channel) || "Troupe"}
      </h1>
      {channel?.topic && <p class="topic">{channel.topic}</p>}
      <span class="grow" />
      <IconButton
        icon="search"
        label="Search"
        pressed={panel === "search"}
        onClick={() => toggle("search")}
      />
      <IconButton
        icon="people"
        label="Members"
        pressed={panel === "members"}
        onClick={() => toggle("members")}
      />
    </header>
  );
}

function Side() {
  const panel = useStore((state) => state.panel);
  switch (panel?.kind) {
    case "members":
      return <Members />;
    case "director":
      return <Director message={panel.message} />;
    case "search":
      return <Search query={panel.query} />;
    default:
      return null;
  }
}

function key(event: KeyboardEvent) {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    update({ switcher: !now().switcher });
  } else if (event.key === "Escape" && !now().switcher) {
    const { drawer, panel, replyTo } = now();
    if (drawer) update({ drawer: false });
    else if (replyTo) update({ replyTo: undefined });
    else if (panel && (panel.kind !== "members" || !kWide.matches)) {
      update({ panel: kWide.matches ? { kind: "members" } : undefined });
    }
    document.querySelector<HTMLElement>(".composer textarea")?.focus();
  }
}

const Notices = () => {
  const notices = useStore((state) => state.notices);
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
};

function Conversation() {
  const current = useStore((state) => state.current);
  if (!current) return <Empty title="No channel is here yet">The hub has none for you.</Empty>;
  return (
    <>
      <LogView key={`log-${current}`} channel={current} />
      <StageStrip channel={current} />
      <Composer key={`composer-${current}`} channel={current} />
    </>
  );
}

export function App() {
  const phase = useStore((state) => state.phase);
  const failure = useStore((state) => state.failure);
  const unread = useStore((state) =>
    Object.values(state.reads).reduce((sum, read) => sum + read.mentions, 0),
  );
  const title = useStore((state) => channelName(state.channels[state.current]));
  const panel = useStore((state) => state.panel?.kind ?? "none");
  const drawer = useStore((state) => state.drawer);
  const switcher = useStore((state) => state.switcher);
  useEffect(() => {
    addEventListener("keydown", key);
    // Beside the conversation there is room for the members; over it they would only be in the way.
    const fit = () => {
      const { panel: shown } = now();
      if (kWide.matches && !shown) update({ panel: { kind: "members" } });
      else if (!kWide.matches && shown?.kind === "members") update({ panel: undefined });
    };
    fit();
    kWide.addEventListener("change", fit);
    return () => {
      removeEventListener("keydown", key);
      kWide.removeEventListener("change", fit);
    };
  }, []);
  useEffect(() => {
    document.title = `${unread ? `(${unread}) ` : ""}${title ? `${title} · ` : ""}Troupe`;
  }, [unread, title]);

  if (phase === "failed") {
    return (
      <main class="closed">
        <Empty title="The theatre is closed">
          {failure}{" "}
          <button type="button" onClick={() => void begin()}>
            Knock again
          </button>
        </Empty>
      </main>
    );
  }
  if (phase === "starting")
    return (
      <p class="curtain" role="status">
        Troupe
      </p>
    );
  return (
    <div class={`frame panel-${panel}`}>
      <Sidebar />
      {drawer && <div class="scrim" onClick={() => update({ drawer: false })} />}
      <main class="stage" aria-label="Conversation">
        <Banner />
        <Head />
        <Conversation />
      </main>
      <Side />
      {switcher && <Switcher />}
      <Notices />
    </div>
  );
}
