// Session and calls. The access token lives in memory only, the refresh token in this
// tab's session storage; a 401 is answered by one refresh, then by the sign-in page.

import { decode, send } from "./http.js";
import { failed, ownerOf } from "./workers.js";

const STORED = "liveops.refresh";
const EARLY_MS = 20_000;
/** All other calls wait for a new token: after this time it is said whom they wait for. */
const SLOW_MS = 4_000;

let access = null;
let expiresAt = 0;
let refreshing = null;
let user = null;

/** Dispatches "signed-in" and "signed-out" (detail.byUser: by the button, not by the server). */
export const session = new EventTarget();

/** Who is signed in: {username, roles}, or null. */
export function me() {
  return user;
}

/** True for people who may change things. */
export function isEngineer() {
  return user !== null && user.roles.includes("ENGINEER");
}

function accept(tokens) {
  access = tokens.access_token;
  expiresAt = Date.now() + tokens.expires_in * 1000;
  sessionStorage.setItem(STORED, tokens.refresh_token);
}

async function identify() {
  user = await decode(await send("GET", "/api/auth/me", { token: access }), "auth");
  session.dispatchEvent(new Event("signed-in"));
}

/** Sign in; throws ApiError with the server's words. */
export async function signIn(username, password) {
  accept(await decode(await send("POST", "/api/auth/login", { body: { username, password } }), "auth"));
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
  forget(true);
  const body = refreshToken ? { refresh_token: refreshToken } : {};
  await send("POST", "/api/auth/logout", { body, token }).catch(() => null);
}

function forget(byUser) {
  access = null;
  user = null;
  sessionStorage.removeItem(STORED);
  session.dispatchEvent(new CustomEvent("signed-out", { detail: { byUser } }));
}

/** A new access token; true when there is one. Callers at the same time share one call. */
export function refresh() {
  if (refreshing === null) {
    const slow = setTimeout(() => failed("auth"), SLOW_MS);
    refreshing = exchange().finally(() => {
      clearTimeout(slow);
      refreshing = null;
    });
  }
  return refreshing;
}

async function exchange() {
  const stored = sessionStorage.getItem(STORED);
  if (!stored) return false;
  const response = await send("POST", "/api/auth/refresh", { body: { refresh_token: stored } });
  // Only a refusal ends the session; a server in trouble does not sign anybody out.
  if (response.status === 401 || response.status === 422) return false;
  accept(await decode(response, "auth"));
  return true;
}

/** The access token, renewed shortly before its end; null when the session is over. */
export async function freshToken() {
  if (access && Date.now() < expiresAt - EARLY_MS) return access;
  if (await refresh()) return access;
  if (user) forget(false);
  return null;
}

async function call(method, path, options) {
  const token = await freshToken();
  let response = await send(method, path, { ...options, token });
  if (response.status === 401 && (await refresh())) {
    response = await send(method, path, { ...options, token: access });
  }
  if (response.status === 401 && user) forget(false);
  return decode(response, ownerOf(path));
}

/** The decoded body of a GET; a list in `query` repeats the parameter, empty values are left out. */
export function get(path, query = {}, signal = undefined) {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const wanted = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = wanted.length ? `?${new URLSearchParams(wanted)}` : "";
  return call("GET", path + search, { signal });
}

/** The items of all pages of a list. */
export async function all(path, query = {}) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(path, { ...query, limit: 500, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}

/** The decoded body of a POST. */
export function post(path, body) {
  return call("POST", path, { body });
}

/** The decoded body of a PUT, made only to the version that was seen where there are versions. */
export function put(path, body, version = null) {
  return call("PUT", path, { body, headers: version === null ? {} : { "If-Match": `"${version}"` } });
}

/** Nothing; throws ApiError when it cannot be deleted. */
export function remove(path) {
  return call("DELETE", path);
}

/** The decoded body of a PATCH, made only to the version that was seen. */
export function patch(path, body, version) {
  return call("PATCH", path, { body, headers: { "If-Match": `"${version}"` } });
}
