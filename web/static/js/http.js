// One HTTP call: deadline, problem documents, and who did not answer.

import { address, answered, failed, ownerOf } from "./workers.js";

const TIMEOUT_MS = 15_000;
/** The worker, or what stands before it, says that it cannot work now. */
const CANNOT_NOW = new Set([502, 503, 504]);

/** An answer that is an error, with the problem document's words; status 0: no answer. */
export class ApiError extends Error {
  constructor(status, message, retryAfterS = null) {
    super(message);
    this.status = status;
    /** Seconds after which another try makes sense; null when nobody said. */
    this.retryAfterS = retryAfterS;
  }
}

/** Send a request; throws ApiError(0) when nothing answers. */
export async function send(method, path, { body, token, headers = {}, signal } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const worker = ownerOf(path);
  try {
    const response = await fetch(address(path), {
      method,
      headers: all,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    if (!CANNOT_NOW.has(response.status)) answered(worker);
    return response;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, `${failed(worker)}.`);
  }
}

/** The decoded body, or its text where it is no JSON; throws ApiError for an error. */
export async function decode(response, worker) {
  const type = response.headers.get("Content-Type") ?? "";
  const body = type.includes("json") ? await response.json() : null;
  if (response.ok) return type.startsWith("text/") ? response.text() : body;
  const words = body?.detail || body?.title || `answered ${response.status}`;
  const retryAfterS = Number.parseInt(response.headers.get("Retry-After"), 10);
  const message = CANNOT_NOW.has(response.status) ? `${failed(worker, `cannot work now: ${words}`)}.` : sentence(words);
  throw new ApiError(response.status, message, Number.isFinite(retryAfterS) ? retryAfterS : null);
}

function sentence(words) {
  const first = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
