// Speaks to a door of models with the official clients, unmodified, and prints as JSON what came.
//
//   node llm_clients.mjs NODE_MODULES CLIENT DOOR KEY JOBS
//
// JOBS is a file of JSON: {name: job}. A job is {do, model, manner, messages, ...}: `do` is a name
// in kDo, `manner` one of a client's own settings (bad, still, schema); the messages are what
// fake_models.py plays. All clients give the same shape:
// {text, pieces, calls: [{id, name, arguments}], finish, usage}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// Node 18's fetch holds what an abort reaches it through by a WeakRef alone, so that an abort after a
// garbage collection is lost and the call never settles. The clients are not to be judged by that.
globalThis.WeakRef = class {
  constructor(held) {
    this.held = held;
  }
  deref() {
    return this.held;
  }
};

const [modules, chosen, door, key, jobs] = process.argv.slice(2);
const require = createRequire(resolve(modules, "openai/package.json"));

const kSchema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const kDescription = "Tells the weather in a city.";
const kFunction = {
  type: "function",
  function: { name: "weather", description: kDescription, parameters: kSchema },
};

function openAiMessages(messages) {
  return messages.map(({ role, text, image, calls, id }) => {
    if (role === "tool") return { role, tool_call_id: id, content: text };
    if (calls) {
      const made = calls.map((call) => ({
        id: call.id,
        type: "function",
        function: { name: call.name, arguments: JSON.stringify(call.arguments) },
      }));
      return { role, content: text || null, tool_calls: made };
    }
    if (!image) return { role, content: text };
    const url = `data:image/png;base64,${image}`;
    return { role, content: [{ type: "text", text }, { type: "image_url", image_url: { url } }] };
  });
}

function openai(secret) {
  const { OpenAI } = require("openai");
  // On Node 18 the fetch that it brings takes the end of any stream for a cut, whoever serves it.
  const client = new OpenAI({ baseURL: `${door}/v1`, apiKey: secret, maxRetries: 0, fetch });
  const body = ({ model, messages, tools, more }) => ({
    model,
    messages: openAiMessages(messages),
    ...(tools && { tools: [kFunction] }),
    ...more,
  });
  const counts = (usage) =>
    usage && {
      prompt: usage.prompt_tokens,
      completion: usage.completion_tokens,
      cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
    };
  return {
    bad: { temperature: 9 },
    still: { temperature: 0 },
    schema: {
      response_format: {
        type: "json_schema",
        json_schema: { name: "place", schema: kSchema, strict: true },
      },
    },
    async chat(ask, signal) {
      const { choices, usage } = await client.chat.completions.create(body(ask), { signal });
      const calls = (choices[0].message.tool_calls ?? []).map((call) => ({
        id: call.id,
        name: call.function.name,
        arguments: JSON.parse(call.function.arguments),
      }));
      const { content } = choices[0].message;
      return { text: content ?? "", calls, finish: choices[0].finish_reason, usage: counts(usage) };
    },
    async stream(ask, signal, onPiece) {
      const stream = await client.chat.completions.create(
        { ...body(ask), stream: true, stream_options: { include_usage: true } },
        { signal },
      );
      const got = { calls: [], finish: null, usage: null };
      for await (const chunk of stream) {
        got.usage = counts(chunk.usage) ?? got.usage;
        const [choice] = chunk.choices;
        if (!choice) continue;
        got.finish = choice.finish_reason ?? got.finish;
        if (choice.delta.content) onPiece(choice.delta.content);
        for (const { index, id, function: part } of choice.delta.tool_calls ?? []) {
          got.calls[index] ??= { id, name: part.name, arguments: "" };
          got.calls[index].arguments += part.arguments ?? "";
        }
      }
      for (const call of got.calls) call.arguments = JSON.parse(call.arguments);
      return got;
    },
    embed: async (model, input) =>
      (await client.embeddings.create({ model, input })).data.map((item) =>
        Array.from(item.embedding),
      ),
    async models() {
      const ids = [];
      for await (const model of await client.models.list()) ids.push(model.id);
      return ids;
    },
    async older({ model, messages }) {
      const asked = { model, prompt: messages[0].text };
      const whole = await client.completions.create(asked);
      const pieces = [];
      for await (const part of await client.completions.create({ ...asked, stream: true })) {
        pieces.push(part.choices[0]?.text ?? "");
      }
      return { text: whole.choices[0].text, streamed: pieces.join("") };
    },
    lookup: async (model) => (await client.models.retrieve(model)).id,
    why: (error) => ({
      status: error.status,
      code: error.code,
      param: error.param,
      retry_after: error.headers?.["retry-after"] ?? error.headers?.get?.("retry-after"),
    }),
  };
}

function ollama(secret) {
  const { Ollama } = require("ollama");
  // What it has for aborting works on streams that have begun; its own option `fetch` on all.
  const client = (signal) =>
    new Ollama({
      host: door,
      headers: { Authorization: `Bearer ${secret}` },
      fetch: (url, options) => fetch(url, { ...options, signal: signal ?? options.signal }),
    });
  const body = ({ model, messages, tools, more }) => ({
    model,
    messages: messages.map(({ role, text, image, calls, name }) => ({
      role,
      content: text ?? "",
      ...(image && { images: [image] }),
      ...(name && { tool_name: name }),
      ...(calls && { tool_calls: calls.map((call) => ({ function: call })) }),
    })),
    ...(tools && { tools: [kFunction] }),
    ...more,
  });
  const counts = (last) => ({ prompt: last.prompt_eval_count, completion: last.eval_count });
  const callsOf = (message) =>
    (message.tool_calls ?? []).map(({ function: { name, arguments: given } }) => ({
      name,
      arguments: given,
    }));
  return {
    bad: { options: { top_p: "high" } },
    still: { options: { temperature: 0 } },
    schema: { format: kSchema },
    async chat(ask, signal) {
      const reply = await client(signal).chat(body(ask));
      const { message, done_reason: finish } = reply;
      return { text: message.content, calls: callsOf(message), finish, usage: counts(reply) };
    },
    async stream(ask, signal, onPiece) {
      const got = { calls: [], finish: null, usage: null };
      for await (const part of await client(signal).chat({ ...body(ask), stream: true })) {
        if (part.message.content) onPiece(part.message.content);
        got.calls.push(...callsOf(part.message));
        if (part.done) Object.assign(got, { finish: part.done_reason, usage: counts(part) });
      }
      return got;
    },
    embed: async (model, input) => (await client().embed({ model, input })).embeddings,
    models: async () => (await client().list()).models.map((model) => model.name),
    async older({ model, messages }) {
      const asked = { model, prompt: messages[0].text };
      const whole = await client().generate(asked);
      const pieces = [];
      for await (const part of await client().generate({ ...asked, stream: true })) {
        pieces.push(part.response);
      }
      return { text: whole.response, streamed: pieces.join("") };
    },
    async lookup(model) {
      const { details, model_info: info } = await client().show({ model });
      return details && info && model;
    },
    why: (error) => ({ status: error.status_code }),
  };
}

function anthropic(secret) {
  const { Anthropic } = require("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: door, apiKey: secret, maxRetries: 0 });
  const block = ({ role, text, image, calls, id }) => {
    if (role === "tool") return [{ type: "tool_result", tool_use_id: id, content: text }];
    return [
      ...(text ? [{ type: "text", text }] : []),
      ...(image
        ? [{ type: "image", source: { type: "base64", media_type: "image/png", data: image } }]
        : []),
      ...(calls ?? []).map((call) => ({
        type: "tool_use",
        id: call.id,
        name: call.name,
        input: call.arguments,
      })),
    ];
  };
  const body = ({ model, messages, tools, more }) => {
    const turns = [];
    for (const message of messages.filter(({ role }) => role !== "system")) {
      const role = message.role === "assistant" ? "assistant" : "user";
      if (turns.at(-1)?.role === role) turns.at(-1).content.push(...block(message));
      else turns.push({ role, content: block(message) });
    }
    const system = messages.find(({ role }) => role === "system")?.text;
    return {
      model,
      max_tokens: 100,
      messages: turns,
      ...(system && { system }),
      ...(tools && {
        tools: [{ name: "weather", description: kDescription, input_schema: kSchema }],
      }),
      ...more,
    };
  };
  const countable = (ask) => {
    const { model, messages } = body(ask);
    return { model, messages };
  };
  const read = ({ content, stop_reason: finish, usage }) => ({
    text: content.map((part) => part.text ?? "").join(""),
    calls: content
      .filter(({ type }) => type === "tool_use")
      .map(({ id, name, input }) => ({ id, name, arguments: input })),
    finish,
    usage: {
      prompt: usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
      completion: usage.output_tokens,
      cached: usage.cache_read_input_tokens ?? 0,
    },
  });
  return {
    bad: { max_tokens: 0 },
    still: { temperature: 0 },
    chat: async (ask, signal) => read(await client.messages.create(body(ask), { signal })),
    async stream(ask, signal, onPiece) {
      const stream = client.messages.stream(body(ask), { signal });
      stream.on("text", onPiece);
      return read(await stream.finalMessage());
    },
    async models() {
      const ids = [];
      for await (const model of client.models.list()) ids.push(model.id);
      return ids;
    },
    lookup: async (model) => (await client.models.retrieve(model)).id,
    count: async (ask) => (await client.messages.countTokens(countable(ask))).input_tokens,
    why: (error) => ({
      status: error.status,
      code: error.error?.error?.type,
      retry_after: error.headers?.get?.("retry-after"),
    }),
  };
}

function vercel(secret) {
  const { embedMany, generateText, jsonSchema, streamText, tool } = require("ai");
  const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");
  const models = createOpenAICompatible({
    name: "door",
    baseURL: `${door}/v1`,
    apiKey: secret,
    includeUsage: true,
  });
  const messagesOf = (messages) =>
    messages.map(({ role, text, image, calls, id, name }) => {
      if (role === "tool") {
        const output = { type: "text", value: text };
        return { role, content: [{ type: "tool-result", toolCallId: id, toolName: name, output }] };
      }
      if (calls) {
        return {
          role,
          content: calls.map((call) => ({
            type: "tool-call",
            toolCallId: call.id,
            toolName: call.name,
            input: call.arguments,
          })),
        };
      }
      if (!image) return { role, content: text };
      return { role, content: [{ type: "text", text }, { type: "image", image }] };
    });
  const ask = ({ model, messages, tools, more }, abortSignal) => ({
    model: models(model),
    messages: messagesOf(messages),
    maxRetries: 0,
    abortSignal,
    ...(tools && {
      tools: { weather: tool({ description: kDescription, inputSchema: jsonSchema(kSchema) }) },
    }),
    ...more,
  });
  const read = (finish, usage, calls) => ({
    finish,
    calls: calls.map((call) => ({
      id: call.toolCallId,
      name: call.toolName,
      arguments: call.input,
    })),
    usage: {
      prompt: usage.inputTokens,
      completion: usage.outputTokens,
      cached: usage.cachedInputTokens ?? 0,
    },
  });
  return {
    bad: { temperature: 9 },
    still: { temperature: 0 },
    async chat(asked, signal) {
      const got = await generateText(ask(asked, signal));
      return { text: got.text, ...read(got.finishReason, got.usage, got.toolCalls) };
    },
    async stream(asked, signal, onPiece) {
      const stream = streamText({ ...ask(asked, signal), onError() {} });
      for await (const part of stream.fullStream) {
        if (part.type === "text-delta") onPiece(part.text);
        if (part.type === "error") throw part.error;
        if (part.type === "abort") throw new DOMException("aborted", "AbortError");
      }
      return read(await stream.finishReason, await stream.usage, await stream.toolCalls);
    },
    embed: async (model, values) =>
      (await embedMany({ model: models.textEmbeddingModel(model), values, maxRetries: 0 }))
        .embeddings,
    why: (error) => ({
      status: error.statusCode,
      code: error.data?.error?.code,
      param: error.data?.error?.param,
      retry_after: error.responseHeaders?.["retry-after"],
    }),
  };
}

function langchain(secret) {
  const { ChatOpenAI, OpenAIEmbeddings } = require("@langchain/openai");
  const common = (model) => ({
    model,
    apiKey: secret,
    maxRetries: 0,
    configuration: { baseURL: `${door}/v1` },
  });
  // It takes no null for the content of a message that only calls.
  const messagesOf = ({ messages }) =>
    openAiMessages(messages).map((message) => ({ ...message, content: message.content ?? "" }));
  const runnable = ({ model, tools, more }) => {
    const chat = new ChatOpenAI({ ...common(model), streamUsage: true, ...more });
    return tools ? chat.bindTools([kFunction]) : chat;
  };
  const read = (message) => ({
    text: message.content,
    calls: (message.tool_calls ?? []).map(({ id, name, args }) => ({ id, name, arguments: args })),
    finish: message.response_metadata.finish_reason,
    usage: message.usage_metadata && {
      prompt: message.usage_metadata.input_tokens,
      completion: message.usage_metadata.output_tokens,
      cached: message.usage_metadata.input_token_details?.cache_read ?? 0,
    },
  });
  return {
    bad: { temperature: 9 },
    still: { temperature: 0 },
    chat: async (ask, signal) =>
      read(await runnable(ask).invoke(messagesOf(ask), { signal })),
    async stream(ask, signal, onPiece) {
      let all;
      for await (const chunk of await runnable(ask).stream(messagesOf(ask), { signal })) {
        if (chunk.content) onPiece(chunk.content);
        all = all ? all.concat(chunk) : chunk;
      }
      return read(all);
    },
    embed: (model, texts) => new OpenAIEmbeddings(common(model)).embedDocuments(texts),
    why: (error) => ({
      status: error.status,
      code: error.code,
      param: error.param,
      retry_after: error.headers?.get?.("retry-after"),
    }),
  };
}

const kClients = { openai, ollama, anthropic, vercel, langchain };
const client = kClients[chosen](key);

async function streamed(ask, signal, onPiece = () => {}) {
  const pieces = [];
  const got = await client.stream(ask, signal, (piece) => {
    pieces.push(piece);
    onPiece();
  });
  return { ...got, text: pieces.join(""), pieces };
}

// Two rounds: the model calls, and hears what came of it.
async function withTools(job, speak) {
  const ask = { ...job, tools: true };
  const called = await speak(ask);
  const results = called.calls.map(({ id, name, arguments: { city } }) => ({
    role: "tool",
    id,
    name,
    text: `Sunny in ${city}.`,
  }));
  const assistant = { role: "assistant", text: "", calls: called.calls };
  const told = await speak({ ...ask, messages: [...job.messages, assistant, ...results] });
  return { called, told };
}

function reason(error, pieces) {
  const name = error?.constructor?.name;
  return { kind: name, message: String(error?.message ?? error), pieces, ...client.why(error) };
}

// What the call throws, and the pieces that came before.
async function refused(job, speak) {
  const other = job.key ? kClients[chosen](job.key) : client;
  const ask = { ...job, more: other[job.manner] };
  const pieces = [];
  try {
    const got =
      speak === "chat"
        ? await other.chat(ask)
        : await other.stream(ask, undefined, (piece) => pieces.push(piece));
    return { answered: got, pieces };
  } catch (error) {
    return reason(error, pieces);
  }
}

async function control(job, what) {
  const answer = await fetch(`${job.control}/control/${what}?id=${job.id}`);
  return answer.status === 200;
}

// Goes when the model hangs, or at the first piece that it has heard, and waits until the model has
// lost whoever asked it.
async function aborted(job) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const call = job.streamed
    ? streamed(job, controller.signal, job.mid ? abort : undefined)
    : client.chat(job, controller.signal);
  const outcome = call.then(
    () => "answered",
    (error) => reason(error),
  );
  const reached = job.mid || (await control(job, "hangs"));
  if (!job.mid) abort();
  return { reached, outcome: await outcome, gone: await control(job, "gone") };
}

const kDo = {
  chat: (job) => client.chat({ ...job, more: client[job.manner] }),
  stream: (job) => streamed({ ...job, more: client[job.manner] }),
  tools: (job) => withTools(job, client.chat),
  streamed_tools: (job) => withTools(job, streamed),
  embed: (job) => client.embed(job.model, job.texts),
  refused_embed: (job) =>
    client.embed(job.model, job.texts).then(
      (vectors) => ({ answered: vectors }),
      (error) => reason(error),
    ),
  models: () => client.models(),
  older: (job) => client.older(job),
  lookup: (job) => client.lookup(job.model),
  count: (job) => client.count(job),
  refused: (job) => refused(job, "chat"),
  refused_stream: (job) => refused(job, "stream"),
  aborted,
};

// One after the other within a group, the groups side by side.
const results = {};
const groups = new Map();
for (const [name, job] of Object.entries(JSON.parse(readFileSync(jobs, "utf8")))) {
  groups.set(job.group, [...(groups.get(job.group) ?? []), [name, job]]);
}
const run = async (group) => {
  for (const [name, job] of group) {
    try {
      results[name] = await kDo[job.do](job);
    } catch (error) {
      results[name] = { threw: String(error?.stack ?? error) };
    }
  }
};
await Promise.all([...groups.values()].map(run));
process.stdout.write(JSON.stringify(results));
