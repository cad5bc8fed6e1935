// Where a person writes: text, files, replies and commands.
import { useEffect, useRef, useState } from "preact/hooks";
import * as actions from "../actions";
import { channelName, logOf, nameOf, now, notice, update, useStore } from "../state";
import type { Command, Id, User } from "../types";
import { size } from "../time";
import { EmojiPicker, Icon, IconButton } from "./parts";
import { Avatar } from "./avatar";

const kTextMax = 2000; // of Discord
const kFilesMax = 10;
const kFileBytesMax = 10 * 1024 * 1024;
const kOffered = 50;

const drafts = new Map<Id, string>(); // what is not sent yet stays with its channel

interface Offer {
  key: string;
  label: string;
  note: string;
  user?: User;
  text: string; // that takes the place of the word
}

// What the word before the caret could become: a member after @, a command after / at the start.
function offers(text: string, caret: number): Offer[] {
  const before = text.slice(0, caret);
  const [, mention] = /(?:^|\s)@([\p{L}\p{N}_.-]*)$/u.exec(before) ?? [];
  if (mention !== undefined) {
    const wanted = mention.toLowerCase();
    return Object.values(now().users)
      .filter(
        (user) =>
          user.id !== now().me?.id &&
          (nameOf(user).toLowerCase().startsWith(wanted) || user.username.startsWith(wanted)),
      )
      .slice(0, kOffered)
      .map((user) => ({
        key: user.id,
        label: nameOf(user),
        note: user.username,
        user,
        text: `<@${user.id}> `,
      }));
  }
  const [, slash] = /^\/([\w-]*)$/.exec(before) ?? [];
  if (slash === undefined) return [];
  return now()
    .commands.filter((one) => one.type === 1 && one.name.startsWith(slash))
    .sort((a, b) => a.name.localeCompare(b.name))
    .slice(0, kOffered)
    .map((one) => ({
      key: one.id,
      label: `/${one.name}`,
      note: one.description ?? "",
      user: now().users[one.application_id],
      text: `/${one.name} `,
    }));
}

// Images are drawn onto a canvas: that needs no blob: address, which the page's policy forbids.
function Preview({ file, remove }: { file: File; remove: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = file.type.startsWith("image/");
  useEffect(() => {
    if (!picture) return;
    createImageBitmap(file)
      .then((image) => {
        const target = canvas.current;
        if (!target) return;
        const scale = Math.min(1, 192 / image.width, 144 / image.height);
        target.width = Math.max(1, image.width * scale);
        target.height = Math.max(1, image.height * scale);
        target.getContext("2d")?.drawImage(image, 0, 0, target.width, target.height);
      })
      .catch(() => {}); // not an image after all: its name says enough
  }, [file]);
  return (
    <li class="preview">
      {picture ? (
        <canvas ref={canvas} width={1} height={1} role="img" aria-label={file.name} />
      ) : (
        <Icon name="file" />
      )}
      <span>{file.name}</span>
      <small>{size(file.size)}</small>
      <IconButton icon="close" label={`Do not send ${file.name}`} onClick={remove} />
    </li>
  );
}

function Offers({ found, at, take }: { found: Offer[]; at: number; take: (one: Offer) => void }) {
  useEffect(
    () => document.getElementById(`offer-${at}`)?.scrollIntoView({ block: "nearest" }),
    [at],
  );
  if (!found.length) return null;
  return (
    <ul class="offers" id="offers" role="listbox" aria-label="Suggestions">
      {found.map((one, number) => (
        <li
          key={one.key}
          id={`offer-${number}`}
          role="option"
          aria-selected={number === at}
          onMouseDown={(event) => {
            event.preventDefault(); // the caret stays in the text
            take(one);
          }}
        >
          {one.user && <Avatar user={one.user} size={22} />}
          <strong>{one.label}</strong>
          <small>{one.note}</small>
          {one.label.startsWith("/") && one.user && <small class="of">{nameOf(one.user)}</small>}
        </li>
      ))}
    </ul>
  );
}

function ReplyBar() {
  const replyTo = useStore((state) => state.replyTo);
  if (!replyTo) return null;
  return (
    <div class="replying">
      <span>
        Replying to <strong>{nameOf(replyTo.author)}</strong>
      </span>
      <IconButton
        icon="close"
        label="Do not reply"
        onClick={() => update({ replyTo: undefined })}
      />
    </div>
  );
}

// The files of a paste, a drop or a choice, as far as they may be sent.
function useFiles() {
  const [files, keep] = useState<File[]>([]);
  const add = (list: FileList | null | undefined) => {
    const fit = [...(list ?? [])].filter((file) => {
      if (file.size > kFileBytesMax) notice(`${file.name} is over ${size(kFileBytesMax)}.`);
      return file.size <= kFileBytesMax;
    });
    if (files.length + fit.length > kFilesMax) notice(`At most ${kFilesMax} files at once.`);
    keep([...files, ...fit].slice(0, kFilesMax));
  };
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault();
      add(event.dataTransfer?.files);
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  });
  return { files, keep, add };
}

export function Composer({ channel: id }: { channel: Id }) {
  const channel = useStore((state) => state.channels[id]);
  const replyTo = useStore((state) => state.replyTo);
  const [text, write] = useState(drafts.get(id) ?? "");
  const [caret, setCaret] = useState(0);
  const [at, choose] = useState(0);
  const [refused, refuse] = useState(false); // Esc closed the suggestions
  const [command, setCommand] = useState<Command>();
  const [picking, pick] = useState(false);
  const { files, keep, add } = useFiles();
  const area = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const found = refused ? [] : offers(text, caret);
  const over = [...text].length - kTextMax;

  useEffect(() => {
    // Where there is no keyboard, focus would cover half of the channel with one.
    if (replyTo || matchMedia("(pointer: fine)").matches)
      area.current?.focus({ preventScroll: true });
  }, [id, replyTo]);
  useEffect(() => {
    const box = area.current!;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 220)}px`;
    if (text) drafts.set(id, text);
    else drafts.delete(id);
  }, [text, id]);

  const take = (one: Offer) => {
    const before = text.slice(0, caret).replace(/(@[\p{L}\p{N}_.-]*|\/[\w-]*)$/u, "") + one.text;
    write(before + text.slice(caret));
    setCommand(now().commands.find((each) => each.id === one.key));
    choose(0);
    setCaret(before.length);
    requestAnimationFrame(() => area.current?.setSelectionRange(before.length, before.length));
  };
  const send = () => {
    const content = text.trim();
    if (over > 0 || (!content && !files.length)) return;
    const [, name, rest = ""] = /^\/([\w-]+)(?:\s+([^]*))?$/.exec(content) ?? [];
    const called =
      name &&
      (command?.name === name
        ? command
        : now().commands.find((one) => one.type === 1 && one.name === name));
    if (called) void actions.command(called, rest.split(/\s+/).filter(Boolean));
    else void actions.say(content, files);
    write("");
    keep([]);
    setCommand(undefined);
  };
  const offerKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: found.length - 1 }[event.key];
    if (step) choose((at + step) % found.length);
    else if (event.key === "Tab" || event.key === "Enter") take(found[at] ?? found[0]!);
    else if (event.key === "Escape") refuse(true);
    else return false;
    return true;
  };
  const key = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (found.length && offerKey(event)) {
      event.stopPropagation();
      return event.preventDefault();
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && !text) {
      const mine = logOf(id).messages.findLast(
        (one) => one.author.id === now().me?.id && !one.sending,
      );
      if (mine) update({ editing: mine.id });
      event.preventDefault();
    } else if (event.key === "Escape" && replyTo) {
      update({ replyTo: undefined });
      event.stopPropagation();
    }
  };
  const input = (event: { currentTarget: HTMLTextAreaElement }) => {
    write(event.currentTarget.value);
    setCaret(event.currentTarget.selectionStart);
    choose(0);
    refuse(false);
    if (event.currentTarget.value && !event.currentTarget.value.startsWith("/")) actions.typing();
  };
  const name = channel?.type === 1 ? channelName(channel) : `#${channelName(channel)}`;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Offers found={found} at={at} take={take} />
      <ReplyBar />
      {files.length > 0 && (
        <ul class="previews">
          {files.map((file) => (
            <Preview file={file} remove={() => keep(files.filter((other) => other !== file))} />
          ))}
        </ul>
      )}
      <div class="composer-row">
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            add(event.currentTarget.files);
            event.currentTarget.value = "";
          }}
        />
        <IconButton icon="plus" label="Attach files" onClick={() => chooser.current?.click()} />
        <textarea
          ref={area}
          rows={1}
          value={text}
          placeholder={`Speak up in ${name}`}
          aria-label={`Message ${name}`}
          role="combobox"
          aria-autocomplete="list"
          aria-expanded={found.length > 0}
          aria-controls="offers"
          aria-activedescendant={found.length ? `offer-${at}` : undefined}
          onInput={input}
          onKeyDown={key}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onPaste={(event) => {
            if (event.clipboardData?.files.length) {
              event.preventDefault();
              add(event.clipboardData.files);
            }
          }}
        />
        {over > -200 && <span class={`count ${over > 0 ? "over" : ""}`}>{-over}</span>}
        <span class="picker-place">
          <IconButton
            icon="smile"
            label="Emoji"
            expanded={picking}
            onClick={() => pick(!picking)}
          />
          {picking && (
            <EmojiPicker
              close={() => pick(false)}
              pick={(emoji) => {
                pick(false);
                write(text + emoji);
              }}
            />
          )}
        </span>
        <button
          type="submit"
          class="send"
          aria-label="Send"
          title="Send"
          disabled={over > 0 || (!text.trim() && !files.length)}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
