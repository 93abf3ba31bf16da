// The scene of every client, played by the Vercel AI SDK: chat completions, and its default, the Responses API.
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateText, jsonSchema, streamText, tool } from "ai";

const [healthy, flaky] = process.argv.slice(2);
const provider = (baseURL, name) =>
  createOpenAI({ baseURL, apiKey: "any", headers: { "X-Harness-Request": name } });
const prompt = "hi";
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = { weather: tool({ inputSchema: jsonSchema(schema) }) };

async function streamed(model) {
  const pieces = [];
  const result = streamText({ model, prompt, onError: ({ error }) => { throw error; } });
  for await (const piece of result.textStream) pieces.push(piece);
  return { pieces, usage: [(await result.usage).outputTokens] };
}

async function told(url) {
  const openai = provider(url, "compat");
  const chat = openai.chat("m");
  const found = { plain: (await generateText({ model: chat, prompt })).text, ...(await streamed(chat)) };
  const call = (await generateText({ model: chat, prompt, tools })).toolCalls[0];
  found.tool = [call.toolName, JSON.stringify(call.input)];
  const [again] = await streamText({ model: chat, prompt, tools }).toolCalls;
  found.streamed_tool = [again.toolName, JSON.stringify(again.input)];
  try {
    await generateText({ model: chat, prompt, maxOutputTokens: 200_000, maxRetries: 0 });
  } catch (error) {
    found.error = [error.statusCode, error.data.error.param, error.data.error.code];
  }
  const responses = openai.responses("m");
  found.response = (await generateText({ model: responses, prompt })).text;
  found.response_pieces = (await streamed(responses)).pieces;
  const asked = (await generateText({ model: responses, prompt, tools })).toolCalls[0];
  found.response_tool = [asked.toolName, JSON.stringify(asked.input)];
  const { embeddings } = await embedMany({
    model: openai.embeddingModel("text-embedding-3-small"),
    values: ["a", "b"],
    providerOptions: { openai: { dimensions: 8 } },
  });
  found.embeddings = embeddings.map((vector) => vector.length);
  return found;
}

async function retried(url) {
  const { text } = await generateText({ model: provider(url, "compat").chat("m"), prompt, maxRetries: 1 });
  try {
    await generateText({ model: provider(url, "once").chat("m"), prompt, maxRetries: 0 });
  } catch (error) {
    return [text, error.statusCode];
  }
}

console.log(JSON.stringify({ ...(await told(healthy)), retried: await retried(flaky) }));
