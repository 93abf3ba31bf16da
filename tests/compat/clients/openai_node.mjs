// The scene of every client, played by openai for Node.
import OpenAI from "openai";

const [healthy, flaky] = process.argv.slice(2);
const NAME = { "X-Harness-Request": "compat" };
const messages = [{ role: "user", content: "hi" }];
const weather = {
  name: "weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const client = (baseURL, more = {}) => new OpenAI({ baseURL, apiKey: "any", defaultHeaders: NAME, ...more });

async function told(url) {
  const one = client(url);
  const ask = (more) => one.chat.completions.create({ model: "m", messages, ...more });
  const found = { plain: (await ask({})).choices[0].message.content };
  found.pieces = [];
  for await (const chunk of await ask({ stream: true })) {
    if (chunk.choices[0].delta.content) found.pieces.push(chunk.choices[0].delta.content);
  }
  const tools = [{ type: "function", function: weather }];
  const call = (await ask({ tools })).choices[0].message.tool_calls[0];
  found.tool = [call.function.name, call.function.arguments];
  found.streamed_tool = ["", ""];
  for await (const chunk of await ask({ tools, stream: true })) {
    for (const piece of chunk.choices[0].delta.tool_calls ?? []) {
      found.streamed_tool[0] += piece.function.name ?? "";
      found.streamed_tool[1] += piece.function.arguments ?? "";
    }
  }
  found.usage = [];
  for await (const chunk of await ask({ stream: true, stream_options: { include_usage: true } })) {
    if (chunk.usage) found.usage.push(chunk.usage.completion_tokens);
  }
  try {
    await ask({ max_tokens: 200_000 });
  } catch (error) {
    found.error = [error.status, error.param, error.code];
  }
  const vectors = await one.embeddings.create({ model: "m", input: ["a", "b"], dimensions: 8 });
  found.embeddings = vectors.data.map((vector) => vector.embedding.length);
  found.completion = (await one.completions.create({ model: "m", prompt: "hi" })).choices[0].text;
  found.response = (await one.responses.create({ model: "m", input: "hi" })).output_text;
  const events = [];
  for await (const event of await one.responses.create({ model: "m", input: "hi", stream: true })) events.push(event);
  found.response_pieces = events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta);
  found.response_events = [events[0].type, events.at(-1).type];
  const asked = await one.responses.create({ model: "m", input: "hi", tools: [{ type: "function", ...weather }] });
  found.response_tool = [asked.output[0].name, asked.output[0].arguments];
  return found;
}

async function retried(url) {
  const answer = await client(url, { maxRetries: 1 }).chat.completions.create({ model: "m", messages });
  try {
    const headers = { "X-Harness-Request": "once" };
    await client(url, { maxRetries: 0 }).chat.completions.create({ model: "m", messages }, { headers });
  } catch (error) {
    return [answer.choices[0].message.content, error.status];
  }
}

console.log(JSON.stringify({ ...(await told(healthy)), retried: await retried(flaky) }));
