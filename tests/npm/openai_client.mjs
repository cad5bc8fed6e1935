// Speaks to a door of OpenAI's kind with OpenAI's own client, and prints as JSON what came of it.
//
//   node openai_client.mjs NODE_MODULES BASE_URL
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve(process.argv[2], "openai/package.json"));
const { OpenAI } = require("openai");

// Node's own fetch: the client's older stand-in for it ends the process when a stream is cut.
const client = new OpenAI({ baseURL: process.argv[3], apiKey: "none", maxRetries: 0, fetch });
const messages = [{ role: "user", content: "Hi" }];

async function streamed(options) {
  const stream = await client.chat.completions.create({ messages, stream: true, ...options });
  const pieces = [];
  let usage = null;
  let finish = null;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  return { pieces, finish, usage };
}

async function refused(call) {
  try {
    await call();
    return null;
  } catch (error) {
    const { status, code, param } = error;
    return { kind: error.constructor.name, status, code, param };
  }
}

const models = [];
for await (const model of await client.models.list()) models.push(model.id);
const complete = (more) => client.chat.completions.create({ messages, ...more });
const chat = await complete({ model: "auto" });
const vectors = async (more) =>
  (await client.embeddings.create({ model: "auto", input: ["banana", "a b"], ...more })).data.map(
    (item) => Array.from(item.embedding),
  );

console.log(
  JSON.stringify({
    models,
    chat: { text: chat.choices[0].message.content, usage: chat.usage },
    stream: await streamed({ model: "auto", stream_options: { include_usage: true } }),
    packed: await vectors({}), // the client asks for base64 and unpacks it
    plain: await vectors({ encoding_format: "float" }),
    no_model: await refused(() => complete({ model: "none" })),
    no_embedder: await refused(() => client.embeddings.create({ model: "none", input: "a" })),
    bad: await refused(() => complete({ model: "auto", temperature: 9 })),
    bad_input: await refused(() => client.embeddings.create({ model: "auto", input: [] })),
    cut: await refused(() => streamed({ model: "auto", user: "cut" })),
  }),
);
