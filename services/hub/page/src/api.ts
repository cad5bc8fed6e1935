// REST to the hub that served this page. Every call ends within a deadline; a rate limit is waited
// out once, other refusals come back as an ApiError with the hub's own words.
import type { Channel, Command, Id, Message, Stage, TurnRecord, User } from "./types";

const kBase = "/api/v10";
const kDeadlineMs = 15_000;
const kUploadDeadlineMs = 120_000;
const kRateWaitMs = 10_000; // a longer wait is told rather than sat out

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

let token = "";
export const setToken = (value: string) => (token = value);

interface Options {
  method?: string;
  body?: unknown;
  form?: FormData;
}

async function send(path: string, { method = "GET", body, form }: Options): Promise<Response> {
  const headers: Record<string, string> = {};
  if (token) headers.Authorization = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers,
      body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
      signal: AbortSignal.timeout(form ? kUploadDeadlineMs : kDeadlineMs),
    });
  } catch {
    throw new ApiError(0, 0, "The hub does not answer.");
  }
}

async function call<T>(path: string, options: Options = {}): Promise<T> {
  let response = await send(path, options);
  if (response.status === 429) {
    const seconds = Number(response.headers.get("Retry-After") ?? 1);
    if (seconds * 1000 <= kRateWaitMs) {
      await new Promise((resume) => setTimeout(resume, seconds * 1000));
      response = await send(path, options);
    }
  }
  const text = await response.text();
  let reply: { message?: string; code?: number } | undefined;
  try {
    reply = text ? JSON.parse(text) : undefined;
  } catch {
    throw new ApiError(response.status, 0, "The hub's answer cannot be read.");
  }
  if (response.ok) return reply as T;
  const words =
    response.status === 429
      ? "Too fast: the hub asks for a pause."
      : (reply?.message ?? `The hub answered ${response.status}.`);
  throw new ApiError(response.status, reply?.code ?? 0, words);
}

const text = encodeURIComponent;
const messages = (channel: Id) => `${kBase}/channels/${channel}/messages`;

export const openSession = () =>
  call<{ token: string; user: User }>("/api/session", { method: "POST", body: {} });

export const history = (channel: Id, where: Record<string, string>) =>
  call<Message[]>(`${messages(channel)}?${new URLSearchParams({ limit: "50", ...where })}`);

export interface Draft {
  content: string;
  nonce: string;
  replyTo?: Id;
  files?: File[];
}

export function post(channel: Id, draft: Draft) {
  const body = {
    content: draft.content,
    nonce: draft.nonce,
    enforce_nonce: true,
    ...(draft.replyTo && {
      message_reference: { message_id: draft.replyTo, fail_if_not_exists: false },
    }),
  };
  if (!draft.files?.length) return call<Message>(messages(channel), { method: "POST", body });
  const form = new FormData();
  form.set("payload_json", JSON.stringify(body));
  draft.files.forEach((file, number) => form.set(`files[${number}]`, file, file.name));
  return call<Message>(messages(channel), { method: "POST", form });
}

export const edit = (channel: Id, id: Id, content: string) =>
  call<Message>(`${messages(channel)}/${id}`, { method: "PATCH", body: { content } });

export const remove = (channel: Id, id: Id) =>
  call<void>(`${messages(channel)}/${id}`, { method: "DELETE" });

export const react = (channel: Id, id: Id, emoji: string, on: boolean) =>
  call<void>(`${messages(channel)}/${id}/reactions/${text(emoji)}/@me`, {
    method: on ? "PUT" : "DELETE",
  });

export const typing = (channel: Id) =>
  call<void>(`${kBase}/channels/${channel}/typing`, { method: "POST" });

export const acknowledge = (channel: Id, id: Id) =>
  call<void>(`${messages(channel)}/${id}/ack`, { method: "POST", body: { token: null } });

export const search = (guild: Id, where: Record<string, string>) =>
  call<{ total_results: number; messages: Message[][] }>(
    `${kBase}/guilds/${guild}/messages/search?${new URLSearchParams(where)}`,
  );

export const openDirect = (user: Id) =>
  call<Channel>(`${kBase}/users/@me/channels`, { method: "POST", body: { recipient_id: user } });

export const commands = (guild: Id) =>
  call<{ application_commands: Command[] }>(`${kBase}/guilds/${guild}/application-command-index`);

export const interact = (body: unknown) =>
  call<void>(`${kBase}/interactions`, { method: "POST", body });

export const turn = (message: Id) => call<TurnRecord>(`/api/troupe/turns/${message}`);

export const stage = (channel: Id) =>
  call<Stage>(`/api/troupe/stage?${new URLSearchParams({ channel_id: channel })}`);
