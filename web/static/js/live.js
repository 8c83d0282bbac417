// One WebSocket that stays up: reconnects with back-off, and polls while it is down.

import { freshToken, refresh } from "./api.js";
import { address, answered, ownerOf } from "./workers.js";

const EXPIRED = 4401;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const POLL_MS = 5_000;
/** A connection that stays this long silent before opening counts as dead. */
const OPEN_WITHIN_MS = 10_000;

/**
 * Follow `path`. `onMessage(message)` gets each decoded message, `onState("live"|"polling")`
 * each change, `poll()` is called at once and every 5 s while the socket is down.
 */
export class LiveSocket {
  #path;
  #handlers;
  #socket = null;
  #waitMs = FIRST_WAIT_MS;
  #retry = null;
  #poller = null;
  #closed = false;

  constructor(path, handlers) {
    this.#path = path;
    this.#handlers = handlers;
    this.#connect();
  }

  /** Stop for good. One that is not open yet is closed once it is: browsers complain otherwise. */
  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#poller);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.close();
  }

  async #connect() {
    let token = null;
    try {
      token = await freshToken();
    } catch {
      return this.#down(); // the auth worker does not answer: try again later
    }
    if (this.#closed || !token) return;
    const socket = new WebSocket(address(this.#path, { ws: true }), ["bearer", token]);
    this.#socket = socket;
    const tooSlow = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
    socket.onopen = () => {
      clearTimeout(tooSlow);
      if (this.#closed) return socket.close();
      this.#up();
    };
    socket.onmessage = (event) => {
      if (!this.#closed) this.#handlers.onMessage(JSON.parse(event.data));
    };
    socket.onclose = async (event) => {
      clearTimeout(tooSlow);
      if (this.#closed) return;
      if (event.code === EXPIRED) await refresh().catch(() => false);
      this.#down();
    };
  }

  #up() {
    this.#waitMs = FIRST_WAIT_MS;
    clearInterval(this.#poller);
    this.#poller = null;
    answered(ownerOf(this.#path));
    this.#handlers.onState("live");
  }

  #down() {
    if (this.#closed) return;
    this.#handlers.onState("polling");
    if (this.#poller === null) {
      this.#handlers.poll();
      this.#poller = setInterval(() => this.#handlers.poll(), POLL_MS);
    }
    // Jitter keeps many browsers from coming back in the same instant.
    this.#retry = setTimeout(() => this.#connect(), this.#waitMs * (0.5 + Math.random() / 2));
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
  }
}
