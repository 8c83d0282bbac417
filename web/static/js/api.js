// Calls to the services. The access token lives in memory only, the refresh token in
// this tab's session storage; a 401 is answered by one refresh, then by the sign-in page.

const STORED = "liveops.refresh";
const EARLY_MS = 20_000;
const TIMEOUT_MS = 15_000;
/** First path segments after /api and the service that owns them. */
const OWNERS = { auth: "auth", metrics: "metrics", services: "metrics", topology: "metrics", incidents: "incidents", analysis: "analysis" };

let bases = null;
let access = null;
let expiresAt = 0;
let refreshing = null;
let user = null;

/** Dispatches "signed-in" and "signed-out". */
export const session = new EventTarget();

/** An answer that is an error, with the problem document's words. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Learn where the services are. */
export async function loadConfig() {
  const response = await fetch("config.json", { cache: "no-cache" });
  if (!response.ok) throw new ApiError(response.status, "The configuration cannot be read.");
  bases = await response.json();
}

/** Who is signed in: {username, roles}, or null. */
export function me() {
  return user;
}

/** True for people who may change things. */
export function isEngineer() {
  return user !== null && user.roles.includes("ENGINEER");
}

/** Full address of an API path, for HTTP or (`ws`) WebSockets. */
export function address(path, { ws = false } = {}) {
  const base = bases[OWNERS[path.split("/")[2].split("?")[0]]];
  const url = new URL((base || location.origin) + path);
  if (ws) url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

async function send(method, path, { body, token, headers = {}, signal } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  try {
    return await fetch(address(path), {
      method,
      headers: all,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The service does not answer.");
  }
}

async function decode(response) {
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  const body = isJson ? await response.json() : null;
  if (response.ok) return body;
  throw new ApiError(response.status, body?.detail || body?.title || `The service answered ${response.status}.`);
}

function accept(tokens) {
  access = tokens.access_token;
  expiresAt = Date.now() + tokens.expires_in * 1000;
  sessionStorage.setItem(STORED, tokens.refresh_token);
}

async function identify() {
  user = await decode(await send("GET", "/api/auth/me", { token: access }));
  session.dispatchEvent(new Event("signed-in"));
}

/** Sign in; throws ApiError with the server's words. */
export async function signIn(username, password) {
  accept(await decode(await send("POST", "/api/auth/login", { body: { username, password } })));
  await identify();
}

/** Take up the session of this tab; false when there is none. */
export async function resume() {
  if (!sessionStorage.getItem(STORED) || !(await refresh())) return false;
  await identify();
  return true;
}

/** End the session here and at the server. */
export async function signOut() {
  const token = access;
  const refreshToken = sessionStorage.getItem(STORED);
  forget();
  const body = refreshToken ? { refresh_token: refreshToken } : {};
  await send("POST", "/api/auth/logout", { body, token }).catch(() => null);
}

function forget() {
  access = null;
  user = null;
  sessionStorage.removeItem(STORED);
  session.dispatchEvent(new Event("signed-out"));
}

/** A new access token; true when there is one. Callers at the same time share one call. */
export function refresh() {
  refreshing ??= exchange().finally(() => (refreshing = null));
  return refreshing;
}

async function exchange() {
  const stored = sessionStorage.getItem(STORED);
  if (!stored) return false;
  const response = await send("POST", "/api/auth/refresh", { body: { refresh_token: stored } });
  // Only a refusal ends the session; a server in trouble does not sign anybody out.
  if (response.status === 401 || response.status === 422) return false;
  accept(await decode(response));
  return true;
}

/** The access token, renewed shortly before its end; null when the session is over. */
export async function freshToken() {
  if (access && Date.now() < expiresAt - EARLY_MS) return access;
  if (await refresh()) return access;
  if (user) forget();
  return null;
}

async function call(method, path, options) {
  let token = await freshToken();
  let response = await send(method, path, { ...options, token });
  if (response.status === 401 && (await refresh())) {
    response = await send(method, path, { ...options, token: access });
  }
  if (response.status === 401 && user) forget();
  return response;
}

/** The decoded body of a GET. */
export async function get(path, query = {}, signal = undefined) {
  const wanted = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = wanted.length ? `?${new URLSearchParams(wanted)}` : "";
  return decode(await call("GET", path + search, { signal }));
}

/** The items of all pages of a list. */
export async function all(path) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(path, { limit: 500, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}

/** The decoded body of a POST. */
export async function post(path, body) {
  return decode(await call("POST", path, { body }));
}

/** The decoded body of a PATCH, made only to the version that was seen. */
export async function patch(path, body, version) {
  return decode(await call("PATCH", path, { body, headers: { "If-Match": `"${version}"` } }));
}
