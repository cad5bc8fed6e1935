// One message: who, when, what, and what can be done with it.
import { useEffect, useRef, useState } from "preact/hooks";
import * as actions from "../actions";
import { mentionsMe, nameOf, now, update, useStore } from "../state";
import type { Attachment, Embed, Message } from "../types";
import { clock, full, moment, size } from "../time";
import { Avatar, tintOf } from "./avatar";
import { RichText, plainText } from "./rich_text";
import { EmojiPicker, Icon, IconButton, memo } from "./parts";

export const openDirector = (message: Message) => update({ panel: { kind: "director", message } });

// Whether a line has a turn behind it that the router may know.
export const isStaged = (message: Message) =>
  !!message.author.bot && !message.webhook_id && !message.sending && !((message.flags ?? 0) & 64);

function ReplyBar({ message }: { message: Message }) {
  const to = message.referenced_message;
  if (!to)
    return (
      <div class="reply-bar">
        <em>The message it answers is gone.</em>
      </div>
    );
  return (
    <button
      type="button"
      class="reply-bar"
      onClick={() => actions.jump(message.channel_id, to.id)}
      aria-label={`In reply to ${nameOf(to.author)}: jump there`}
    >
      <Avatar user={to.author} size={16} />
      <strong class={`name tint-${tintOf(to.author)}`}>{nameOf(to.author)}</strong>
      <span>{plainText(to.content) || "an attachment"}</span>
    </button>
  );
}

// Attachments come from the host that the page came from, whatever name the hub knows itself by.
const ownPath = (address: string) => {
  const url = new URL(address, location.href);
  return url.pathname + url.search;
};

const kPreviewMax = { width: 420, height: 300 };

function AttachmentView({ item }: { item: Attachment }) {
  const path = ownPath(item.url);
  if (/^image\/(png|jpeg|gif|webp)/.test(item.content_type ?? "")) {
    const width = item.width ?? kPreviewMax.width;
    const height = item.height ?? kPreviewMax.height;
    const scale = Math.min(1, kPreviewMax.width / width, kPreviewMax.height / height);
    return (
      <a class="picture" href={path} target="_blank" rel="noopener">
        <img
          src={path}
          alt={item.filename}
          loading="lazy"
          width={Math.round(width * scale)}
          height={item.height ? Math.round(height * scale) : undefined}
        />
      </a>
    );
  }
  return (
    <a class="file" href={path} download={item.filename}>
      <Icon name="file" />
      <span>{item.filename}</span>
      <small>{size(item.size)}</small>
    </a>
  );
}

const EmbedView = ({ embed }: { embed: Embed }) => (
  <div class="embed">
    {embed.title && (
      <p>
        <strong>
          <RichText text={embed.title} />
        </strong>
      </p>
    )}
    {embed.description && <RichText text={embed.description} />}
    {embed.fields?.map((field) => (
      <div class="embed-field">
        <strong>{field.name}</strong>
        <RichText text={field.value} />
      </div>
    ))}
    {embed.footer && <p class="subtext">{embed.footer.text}</p>}
  </div>
);

function Reactions({ message }: { message: Message }) {
  if (!message.reactions?.length) return null;
  return (
    <div class="reactions">
      {message.reactions.map(({ emoji, count, me }) => (
        <button
          type="button"
          key={emoji.name}
          class="reaction"
          aria-pressed={me}
          aria-label={`${emoji.name}, ${count}: ${me ? "take yours back" : "add yours"}`}
          onClick={() => actions.react(message, emoji.name)}
        >
          <span>{emoji.id ? `:${emoji.name}:` : emoji.name}</span>
          <b>{count}</b>
        </button>
      ))}
    </div>
  );
}

function Editor({ message }: { message: Message }) {
  const [text, change] = useState(message.content);
  const own = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    own.current?.focus();
    own.current?.setSelectionRange(text.length, text.length);
  }, []);
  const cancel = () => update({ editing: undefined });
  const key = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "Escape") cancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void actions.edit(message, text.trim());
  };
  return (
    <div class="editor">
      <textarea
        ref={own}
        aria-label="Edit the message"
        value={text}
        rows={Math.min(8, text.split("\n").length)}
        maxLength={2000}
        onKeyDown={key}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <p class="subtext">
        Enter{" "}
        <button type="button" onClick={() => actions.edit(message, text.trim())}>
          saves
        </button>
        , Esc{" "}
        <button type="button" onClick={cancel}>
          leaves it
        </button>
      </p>
    </div>
  );
}

function Commands({ message, close }: { message: Message; close: () => void }) {
  const all = useStore((state) => state.commands);
  const own = useRef<HTMLDivElement>(null);
  useEffect(() => own.current?.querySelector("button")?.focus(), []);
  // What a bot offers for messages is mostly about its own lines.
  const offered = all.filter(
    (one) => one.type === 3 && (!message.author.bot || one.application_id === message.author.id),
  );
  return (
    <div
      ref={own}
      class="menu"
      role="menu"
      aria-label="Commands for this message"
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          close();
        }
      }}
      onFocusOut={(event) => {
        if (!own.current?.contains(event.relatedTarget as Element | null)) close();
      }}
    >
      {offered.map((one) => (
        <button
          type="button"
          role="menuitem"
          onClick={() => {
            close();
            void actions.command(one, [], message);
          }}
        >
          {one.name}
        </button>
      ))}
      {!offered.length && (
        <button type="button" role="menuitem" disabled>
          No bot offers any
        </button>
      )}
    </div>
  );
}

function Tools({ message }: { message: Message }) {
  const [open, show] = useState<"" | "emoji" | "menu">("");
  const mine = message.author.id === now().me?.id;
  return (
    <div class={`tools ${open ? "open" : ""}`} role="group" aria-label="Message actions">
      {isStaged(message) && (
        <button
          type="button"
          class="why"
          onClick={() => openDirector(message)}
          title="Why was this said?"
        >
          Why?
        </button>
      )}
      <IconButton
        icon="smile"
        label="React"
        expanded={open === "emoji"}
        onClick={() => show(open ? "" : "emoji")}
      />
      <IconButton icon="reply" label="Reply" onClick={() => update({ replyTo: message })} />
      {mine && (
        <IconButton icon="pen" label="Edit" onClick={() => update({ editing: message.id })} />
      )}
      {mine && <IconButton icon="bin" label="Delete" onClick={() => actions.remove(message)} />}
      {!mine && (
        <IconButton
          icon="more"
          label="Commands"
          expanded={open === "menu"}
          onClick={() => show(open ? "" : "menu")}
        />
      )}
      {open === "emoji" && (
        <EmojiPicker
          close={() => show("")}
          pick={(emoji) => {
            show("");
            void actions.react(message, emoji);
          }}
        />
      )}
      {open === "menu" && <Commands message={message} close={() => show("")} />}
    </div>
  );
}

const Unsent = ({ message }: { message: Message }) => (
  <p class="unsent" role="alert">
    Not sent.{" "}
    <button type="button" onClick={() => actions.sayAgain(message)}>
      Try again
    </button>
    <button type="button" onClick={() => actions.discard(message)}>
      Discard
    </button>
  </p>
);

function Body({ message, editing }: { message: Message; editing: boolean }) {
  if (editing) return <Editor message={message} />;
  return (
    <>
      <div class="said">
        <RichText text={message.content} />
        {message.edited_timestamp && message.type !== 20 && message.type !== 23 && (
          <small class="edited" title={full(message.edited_timestamp)}>
            edited
          </small>
        )}
      </div>
      {message.files?.map((file) => (
        <p class="file">
          <Icon name="file" />
          {file.name}
        </p>
      ))}
      {message.attachments?.map((item) => <AttachmentView key={item.id} item={item} />)}
      {message.embeds?.map((embed) => <EmbedView embed={embed} />)}
      <Reactions message={message} />
      {message.sending === "failed" && <Unsent message={message} />}
    </>
  );
}

interface Props {
  message: Message;
  head: boolean; // the first of a group: with face and name
  editing: boolean;
  lit: number; // jumped to, for the how manieth time; 0: not
  shown: boolean; // its turn is in the director's view
  tabbed: boolean; // Tab comes here; the arrow keys go on from it
}

export const MessageView = memo(({ message, head, editing, lit, shown, tabbed }: Props) => {
  const { author } = message;
  const own = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!lit) return;
    own.current?.scrollIntoView({ block: "center" });
    own.current?.focus({ preventScroll: true });
  }, [lit]);
  const ephemeral = !!((message.flags ?? 0) & 64);
  const classes = [
    "message",
    head && "first",
    message.sending,
    lit && "lit",
    shown && "shown",
    mentionsMe(message) && "called",
    isStaged(message) && "staged",
  ]
    .filter(Boolean)
    .join(" ");
  const click = (event: MouseEvent) => {
    const target = event.target as Element;
    if (!isStaged(message) || target.closest("a,button,.tools,textarea,pre")) return;
    if (getSelection()?.isCollapsed !== false) openDirector(message);
  };
  return (
    <article
      ref={own}
      id={`m-${message.id}`}
      class={classes}
      tabIndex={tabbed ? 0 : -1}
      aria-label={`${nameOf(author)}, ${moment(message.timestamp)}`}
      onClick={click}
    >
      {message.type === 19 && <ReplyBar message={message} />}
      {message.interaction && (
        <div class="reply-bar">
          <span>{nameOf(message.interaction.user)} used </span>
          <strong>/{message.interaction.name}</strong>
        </div>
      )}
      <div class="gutter">
        {head ? (
          <Avatar user={author} />
        ) : (
          <time title={full(message.timestamp)}>{clock(message.timestamp)}</time>
        )}
      </div>
      <div class="content">
        {head && (
          <header>
            <strong class={`name tint-${tintOf(author)}`}>{nameOf(author)}</strong>
            {author.bot && <span class="badge">cast</span>}
            <time title={full(message.timestamp)}>{moment(message.timestamp)}</time>
          </header>
        )}
        <Body message={message} editing={editing} />
        {ephemeral && (
          <p class="subtext">
            Only you can see this.{" "}
            <button type="button" onClick={() => actions.discard(message)}>
              Dismiss
            </button>
          </p>
        )}
      </div>
      {!message.sending && !ephemeral && !editing && <Tools message={message} />}
    </article>
  );
});
