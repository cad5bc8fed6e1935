// Markdown's tree as Preact nodes. Text stays text: nothing is ever made from HTML.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { openChannel } from "../actions";
import { type Node, parse } from "../markdown";
import { channelName, guildOf, nameOf, now, useStore } from "../state";
import { full, stamp } from "../time";
import { memo } from "./parts";

function Spoiler({ children }: { children: ComponentChildren }) {
  const [shown, show] = useState(false);
  if (shown) return <span class="spoiler shown">{children}</span>;
  return (
    <button type="button" class="spoiler" aria-label="Spoiler: show it" onClick={() => show(true)}>
      <span aria-hidden="true">{children}</span>
    </button>
  );
}

function Fence({ text, language }: { text: string; language: string }) {
  const [copied, say] = useState(false);
  const copy = () =>
    navigator.clipboard?.writeText(text).then(
      () => say(true),
      () => {},
    );
  return (
    <div class="fence">
      <div class="fence-head">
        <span>{language || "text"}</span>
        <button type="button" onClick={copy}>
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </div>
  );
}

function UserMention({ id }: { id: string }) {
  const user = useStore((state) => state.users[id]);
  const mine = useStore((state) => state.me?.id === id);
  return <span class={`mention ${mine ? "mine" : ""}`}>@{nameOf(user)}</span>;
}

function ChannelMention({ id }: { id: string }) {
  const channel = useStore((state) => state.channels[id]);
  if (!channel) return <span class="mention">#unknown</span>;
  return (
    <button type="button" class="mention" onClick={() => openChannel(id)}>
      #{channelName(channel)}
    </button>
  );
}

function roleName(id: string) {
  const { channels, current } = now();
  return guildOf(channels[current])?.roles.find((role) => role.id === id)?.name ?? "role";
}

const draw = (nodes: Node[]): ComponentChildren[] => nodes.map(one);

function one(node: Node): ComponentChildren {
  if (typeof node === "string") return node;
  switch (node.kind) {
    case "paragraph":
      return <p>{draw(node.children)}</p>;
    case "bold":
      return <strong>{draw(node.children)}</strong>;
    case "italic":
      return <em>{draw(node.children)}</em>;
    case "underline":
      return <u>{draw(node.children)}</u>;
    case "strike":
      return <s>{draw(node.children)}</s>;
    case "spoiler":
      return <Spoiler>{draw(node.children)}</Spoiler>;
    case "quote":
      return <blockquote>{draw(node.children)}</blockquote>;
    case "subtext":
      return <p class="subtext">{draw(node.children)}</p>;
    // Headings of what somebody says are none of the page's outline.
    case "h1":
      return <p class="said-h1">{draw(node.children)}</p>;
    case "h2":
      return <p class="said-h2">{draw(node.children)}</p>;
    case "h3":
      return <p class="said-h3">{draw(node.children)}</p>;
    case "list": {
      const items = node.items.map((item) => <li>{draw(item)}</li>);
      return node.ordered ? <ol start={node.start}>{items}</ol> : <ul>{items}</ul>;
    }
    case "code":
      return <code>{node.text}</code>;
    case "fence":
      return <Fence text={node.text} language={node.language} />;
    case "link":
      return (
        <a href={node.href} title={node.href} target="_blank" rel="noopener noreferrer nofollow">
          {draw(node.children)}
        </a>
      );
    case "user":
      return <UserMention id={node.id} />;
    case "channel":
      return <ChannelMention id={node.id} />;
    case "role":
      return <span class="mention">@{roleName(node.id)}</span>;
    case "everyone":
      return <span class="mention mine">@{node.name}</span>;
    case "emoji":
      return <span class="custom-emoji">:{node.name}:</span>;
    case "command":
      return <span class="mention">/{node.name}</span>;
    case "time":
      return <time title={full(node.seconds * 1000)}>{stamp(node.seconds, node.style)}</time>;
  }
}

export const RichText = memo(({ text }: { text: string }) => <>{draw(parse(text))}</>);

// One line without any form, for previews.
export function plainText(text: string): string {
  const flat = (nodes: Node[]): string =>
    nodes
      .map((node) => {
        if (typeof node === "string") return node;
        switch (node.kind) {
          case "code":
          case "fence":
            return node.text;
          case "user":
            return `@${nameOf(now().users[node.id])}`;
          case "channel":
            return `#${channelName(now().channels[node.id])}`;
          case "role":
            return `@${roleName(node.id)}`;
          case "everyone":
            return `@${node.name}`;
          case "emoji":
            return `:${node.name}:`;
          case "command":
            return `/${node.name}`;
          case "time":
            return stamp(node.seconds, node.style);
          case "spoiler":
            return "▒▒▒";
          case "list":
            return node.items.map(flat).join(" · ");
          default:
            return flat(node.children) + (node.kind === "paragraph" ? " " : "");
        }
      })
      .join("");
  return flat(parse(text)).replace(/\s+/g, " ").trim();
}
