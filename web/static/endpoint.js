// Asks the endpoint, which has the same origin as this page: POST predictions/portrait.

const AWAY_STATUS = [0, 502, 504];
const BUSY_STATUS = [429, 503, 507]; // both as portrait_client/errors.py has it
const AWAY_RETRIES = 2; // somebody is waiting: better say soon that nobody is there
const BUSY_RETRIES = 6; // one who is busy will come
const LONGEST_WAIT = 4; // seconds between two tries, unless the server asks for more
const AWAY =
  "The drawing server does not answer. Wait a moment, then try again. Whoever runs this page starts it with " +
  "bash scripts/serve.sh.";
const BUSY = "The drawing server is busy, or just starting. Wait a moment, then try again.";
const KEY_WANTED = "This server asks for a key.";
const BARE = { 413: "The photo is larger than the server takes." }; // what TorchServe and others say nothing about

let key = "";

/** Send this key with every request from now on; it is kept nowhere else. */
export function useKey(text) {
  key = text;
}

/** Why there is no picture, in a sentence; `code` is the HTTP status, 0 where nobody answered. */
export class Problem extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
    this.retries = AWAY_STATUS.includes(code) ? AWAY_RETRIES : BUSY_STATUS.includes(code) ? BUSY_RETRIES : 0;
  }
}

/** A photo (Blob) and options by name -> the answer, a 200 with a picture. Throws `Problem`, or the signal's reason. */
export async function ask(photo, options, signal) {
  for (let tries = 0; ; tries += 1) {
    const answer = await send(photo, options, signal);
    if (answer?.ok) return answer;
    const problem = await explained(answer);
    if (tries >= problem.retries) throw problem;
    const asked = Number(answer?.headers.get("Retry-After")) || 0;
    await pause(Math.max(asked, Math.min(0.5 * 2 ** tries, LONGEST_WAIT)), signal);
  }
}

async function send(photo, options, signal) {
  const headers = { "Content-Type": "application/octet-stream" };
  for (const [name, value] of Object.entries(options)) headers[`Portrait-${name}`] = String(value);
  if (key) headers.Authorization = `Bearer ${key}`;
  try {
    return await fetch("predictions/portrait", { method: "POST", body: photo, headers, signal });
  } catch {
    signal?.throwIfAborted();
    return null; // nobody answered
  }
}

async function explained(answer) {
  if (!answer) return new Problem(0, AWAY);
  const told = await answer.json().catch(() => ({}));
  if (AWAY_STATUS.includes(answer.status)) return new Problem(answer.status, AWAY);
  if (BUSY_STATUS.includes(answer.status)) return new Problem(answer.status, BUSY);
  if (told.message === "Worker died.") return new Problem(503, BUSY); // a 500 of TorchServe's; to ask again helps
  if (answer.status === 401) return new Problem(401, KEY_WANTED);
  const message = told.message ?? BARE[answer.status] ?? `The server answered ${answer.status}.`;
  return new Problem(answer.status, String(message).replace(/^photo: /, ""));
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)));
  });
}
