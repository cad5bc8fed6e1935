// Discord's markdown as a tree. Pure: text in, nodes out; what a node looks like is rich_text.tsx.
// Nothing here makes HTML, and a link is a link only when its address is http or https.

export type Mark =
  | "bold"
  | "italic"
  | "underline"
  | "strike"
  | "spoiler"
  | "quote"
  | "subtext"
  | "h1"
  | "h2"
  | "h3"
  | "paragraph";

export type Node =
  | string
  | { kind: Mark; children: Node[] }
  | { kind: "list"; ordered: boolean; start: number; items: Node[][] }
  | { kind: "code"; text: string }
  | { kind: "fence"; text: string; language: string }
  | { kind: "link"; href: string; children: Node[] }
  | { kind: "user" | "role" | "channel"; id: string }
  | { kind: "everyone" | "emoji" | "command"; name: string }
  | { kind: "time"; seconds: number; style: string };

const kDepthMax = 8; // deeper than people write; below it text stays text

export const parse = (text: string): Node[] => blocks(text, 0);

function blocks(text: string, depth: number): Node[] {
  const found: Node[] = [];
  let from = 0;
  for (;;) {
    const open = text.indexOf("```", from);
    const close = open < 0 ? -1 : text.indexOf("```", open + 3);
    if (close < 0 || close === open + 3) break;
    found.push(...lines(text.slice(from, open).replace(/\n$/, ""), depth));
    const [, language = "", code = ""] =
      /^(?:([\w+#.-]{1,20})\n)?([^]*)$/.exec(text.slice(open + 3, close)) ?? [];
    found.push({ kind: "fence", language, text: code.replace(/^\n|\n$/g, "") });
    from = close + 3;
    if (text[from] === "\n") from += 1;
  }
  found.push(...lines(text.slice(from), depth));
  return found;
}

const kItem = /^( *)([-*]|\d{1,9}\.) +(.*)$/;

function lines(text: string, depth: number): Node[] {
  const found: Node[] = [];
  const rows = text === "" ? [] : text.split("\n");
  let plain: string[] = [];
  const flush = () => {
    if (plain.length) {
      found.push({ kind: "paragraph", children: inline(plain.join("\n"), depth) });
    }
    plain = [];
  };
  for (let row = 0; row < rows.length; row += 1) {
    const line = rows[row]!;
    const heading = /^(-#|#{1,3}) +(\S.*)$/.exec(line);
    if (heading) {
      flush();
      const kind = heading[1] === "-#" ? "subtext" : (`h${heading[1]!.length}` as Mark);
      found.push({ kind, children: inline(heading[2]!, depth) });
    } else if (line.startsWith(">>> ") && depth < kDepthMax) {
      flush();
      const rest = [line.slice(4), ...rows.slice(row + 1)].join("\n");
      found.push({ kind: "quote", children: lines(rest, depth + 1) });
      return found;
    } else if (/^> ?/.test(line) && line !== ">" && depth < kDepthMax) {
      flush();
      const quoted: string[] = [];
      for (; row < rows.length && rows[row]!.startsWith(">"); row += 1) {
        quoted.push(rows[row]!.replace(/^> ?/, ""));
      }
      row -= 1;
      found.push({ kind: "quote", children: lines(quoted.join("\n"), depth + 1) });
    } else if (kItem.test(line)) {
      flush();
      const items: RegExpExecArray[] = [];
      for (let item; row < rows.length && (item = kItem.exec(rows[row]!)); row += 1) {
        items.push(item);
      }
      row -= 1;
      found.push(list(items, depth));
    } else {
      plain.push(line);
    }
  }
  flush();
  return found;
}

// Items that are further in than the first become a list inside the item before them.
function list(items: RegExpExecArray[], depth: number): Node {
  const marker = items[0]![2]!;
  const indent = items[0]![1]!.length;
  const found: Node[][] = [];
  for (let at = 0; at < items.length; at += 1) {
    const deeper: RegExpExecArray[] = [];
    while (at + 1 < items.length && items[at + 1]![1]!.length > indent && depth < kDepthMax) {
      deeper.push(items[++at]!);
    }
    const own = items[at - deeper.length]!;
    const children = inline(own[3]!, depth);
    found.push(deeper.length ? [...children, list(deeper, depth + 1)] : children);
  }
  const ordered = /\d/.test(marker);
  return { kind: "list", ordered, start: ordered ? parseInt(marker, 10) : 1, items: found };
}

interface Match {
  node: Node;
  length: number;
}

// Marks by their longest sign first: ** before *.
const kMarks: [string, Mark][] = [
  ["**", "bold"],
  ["__", "underline"],
  ["~~", "strike"],
  ["||", "spoiler"],
  ["*", "italic"],
  ["_", "italic"],
];
const kWord = /[\p{L}\p{N}]/u;

function inline(text: string, depth: number): Node[] {
  const found: Node[] = [];
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const match = /[\\*_~|`<[@h]/.test(text[at]!) ? special(text, at, depth) : undefined;
    if (!match) {
      plain += text[at];
      at += 1;
      continue;
    }
    at += match.length;
    if (typeof match.node === "string") {
      plain += match.node;
      continue;
    }
    if (plain) found.push(plain);
    plain = "";
    found.push(match.node);
  }
  if (plain) found.push(plain);
  return found;
}

function special(text: string, at: number, depth: number): Match | undefined {
  const rest = text.slice(at);
  switch (text[at]) {
    case "\\":
      return /^\\[^\p{L}\p{N}\s]/u.test(rest) ? { node: rest[1]!, length: 2 } : undefined;
    case "`": {
      const code = /^(`{1,2})(?!`)([^]*?[^`])\1(?!`)/.exec(rest);
      if (!code) return undefined;
      return { node: { kind: "code", text: code[2]!.trim() || code[2]! }, length: code[0].length };
    }
    case "<":
      return tag(rest);
    case "[":
      return maskedLink(rest, depth);
    case "@": {
      const everyone = /^@(everyone|here)\b/.exec(rest);
      return everyone
        ? { node: { kind: "everyone", name: everyone[1]! }, length: everyone[0].length }
        : undefined;
    }
    case "h":
      return at > 0 && kWord.test(text[at - 1]!) ? undefined : bareLink(rest);
    default:
      return depth < kDepthMax ? marked(text, at, depth) : undefined;
  }
}

function marked(text: string, at: number, depth: number): Match | undefined {
  for (const [sign, kind] of kMarks) {
    if (!text.startsWith(sign, at)) continue;
    const start = at + sign.length;
    const end = closing(text, start, sign);
    if (end < 0) continue;
    const inWord = (where: number) => where >= 0 && kWord.test(text[where] ?? "");
    // snake_case is no emphasis.
    if (sign === "_" && (inWord(at - 1) || inWord(end + 1))) continue;
    return {
      node: { kind, children: inline(text.slice(start, end), depth + 1) },
      length: end + sign.length - at,
    };
  }
  return undefined;
}

// Where the sign that opened before `start` closes, or -1.
function closing(text: string, start: number, sign: string): number {
  const single = sign.length === 1;
  if (single && /\s/.test(text[start] ?? " ")) return -1;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "\\") {
      at += 1;
    } else if (text[at] === "`") {
      const close = text.indexOf("`", at + 1);
      if (close > 0) at = close;
    } else if (text.startsWith(sign, at)) {
      if (single && text[at + 1] === sign) {
        at += 1; // the double sign belongs to something inside
      } else if (at > start && !(single && /\s/.test(text[at - 1]!))) {
        while (!single && text[at + sign.length] === sign[0]) at += 1; // ***: the outer closes last
        return at;
      }
    }
  }
  return -1;
}

function tag(rest: string): Match | undefined {
  const found =
    /^<(?:(@[!&]?|#)(\d{1,20})|a?:(\w{1,32}):\d{1,20}|t:(-?\d{1,13})(?::([tTdDfFR]))?|\/([^:<>]{1,64}):\d{1,20}|(https?:\/\/[^\s<>]{1,2000}))>/.exec(
      rest,
    );
  if (!found) return undefined;
  const [{ length }, sign, id, emoji, seconds, style, command, href] = found;
  const node = ((): Node | undefined => {
    if (sign) return { kind: sign === "#" ? "channel" : sign === "@&" ? "role" : "user", id: id! };
    if (emoji) return { kind: "emoji", name: emoji };
    if (seconds) return { kind: "time", seconds: Number(seconds), style: style ?? "f" };
    if (command) return { kind: "command", name: command };
    const address = safe(href!);
    return address ? { kind: "link", href: address, children: [href!] } : undefined;
  })();
  return node ? { node, length } : undefined;
}

function maskedLink(rest: string, depth: number): Match | undefined {
  const found =
    /^\[([^[\]\n]{1,500})\]\(<?(https?:\/\/[^\s<>()]{1,2000}(?:\([^\s<>()]*\))?)>?\)/.exec(rest);
  const href = found && safe(found[2]!);
  if (!found || !href || depth >= kDepthMax) return undefined;
  return {
    node: { kind: "link", href, children: inline(found[1]!, kDepthMax) },
    length: found[0].length,
  };
}

function bareLink(rest: string): Match | undefined {
  const found = /^https?:\/\/[^\s<>|*`]{1,2000}/.exec(rest);
  if (!found) return undefined;
  let shown = found[0];
  // What ends a sentence around an address is none of it, nor a bracket that it did not open.
  for (let before = ""; before !== shown; ) {
    before = shown;
    shown = shown.replace(/[.,:;!?'"\]]+$/, "");
    if (shown.endsWith(")") && shown.split(")").length > shown.split("(").length) {
      shown = shown.slice(0, -1);
    }
  }
  const href = safe(shown);
  return href
    ? { node: { kind: "link", href, children: [shown] }, length: shown.length }
    : undefined;
}

function safe(address: string): string | undefined {
  try {
    const url = new URL(address);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}
