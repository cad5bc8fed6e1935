// A Gateway session as Discord defines it: Hello, jittered heartbeat, Identify, Resume, zombies and
// close codes. Sockets, time and chance are passed in, so that tests drive it without a network.

export interface Socket {
  send(text: string): void;
  close(code: number): void;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface World {
  connect(): Socket;
  after(ms: number, run: () => void): () => void; // returns how to cancel it
  random(): number; // 0..1
}

export interface Listener {
  dispatch(name: string, data: unknown): void;
  // A stop is final: the hub refuses this client, and `reason` says why.
  state(state: "connecting" | "open" | "lost" | "stopped", reason?: string): void;
  // The token was refused; a new one, or undefined.
  renew(): Promise<string | undefined>;
}

interface Payload {
  op: number;
  d: any;
  s?: number | null;
  t?: string | null;
}

const kBackoffMs = 500;
const kBackoffMaxMs = 30_000;
const kHelloMs = 10_000; // a socket that does not say Hello by then is given up
const kRenewalsMax = 3;
const kFresh = new Set([1000, 4003, 4005, 4007, 4008, 4009]); // reconnect with a new session
const kFinal: Record<number, string> = {
  4010: "The hub refuses this shard.",
  4011: "The hub asks for sharding.",
  4012: "The hub speaks another version of the Gateway.",
  4013: "The hub does not know these intents.",
  4014: "The hub does not allow these intents.",
};

export class Gateway {
  private socket?: Socket;
  private session?: string;
  private seq: number | null = null;
  private acked = true;
  private failures = 0;
  private renewals = 0;
  private stopBeat = () => {};
  private stopWait = () => {};

  constructor(
    private world: World,
    private listener: Listener,
    private token: string,
  ) {}

  get sessionId() {
    return this.session;
  }

  start() {
    this.stopWait();
    this.stopBeat();
    this.acked = true;
    const socket = this.world.connect();
    this.socket = socket;
    this.stopWait = this.world.after(kHelloMs, () => this.drop());
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code);
    };
  }

  // The network is back, or the tab is looked at again: do not sit out the pause.
  wake() {
    if (!this.socket && this.failures) this.start();
  }

  private send(op: number, d: unknown) {
    this.socket?.send(JSON.stringify({ op, d }));
  }

  private receive(text: string) {
    const payload = JSON.parse(text) as Payload;
    if (typeof payload.s === "number") this.seq = payload.s;
    switch (payload.op) {
      case 0:
        return this.dispatch(payload);
      case 1:
        return this.send(1, this.seq);
      case 7:
        return this.drop();
      case 9:
        return this.invalid(payload.d === true);
      case 10:
        return this.hello(payload.d.heartbeat_interval);
      case 11:
        this.acked = true;
    }
  }

  private dispatch({ t, d }: Payload) {
    if (t === "READY") this.session = d.session_id;
    if (t === "READY" || t === "RESUMED") {
      this.failures = 0;
      this.renewals = 0;
      this.listener.state("open");
    }
    if (t) this.listener.dispatch(t, d);
  }

  private hello(interval: number) {
    this.stopWait();
    const beat = () => {
      if (!this.acked) return this.drop(); // a zombie: it takes what is sent and says nothing
      this.acked = false;
      this.send(1, this.seq);
      this.stopBeat = this.world.after(interval, beat);
    };
    this.stopBeat = this.world.after(interval * this.world.random(), beat);
    this.introduce();
  }

  private introduce() {
    if (this.session) {
      this.send(6, { token: this.token, session_id: this.session, seq: this.seq });
    } else {
      this.send(2, {
        token: this.token,
        properties: { os: "web", browser: "Troupe page", device: "Troupe page" },
        presence: { status: "online", since: null, activities: [], afk: false },
      });
    }
  }

  private invalid(resumable: boolean) {
    if (resumable) return this.introduce();
    this.forget();
    this.stopWait = this.world.after(1000 + this.world.random() * 4000, () => this.introduce());
  }

  private forget() {
    this.session = undefined;
    this.seq = null;
  }

  // Leaves with a code that keeps the session alive on the other side, and comes back.
  private drop() {
    const socket = this.socket;
    this.closed(4000);
    socket?.close(4000);
  }

  private closed(code: number) {
    this.socket = undefined;
    this.stopBeat();
    this.stopWait();
    if (kFinal[code]) return this.listener.state("stopped", kFinal[code]);
    if (kFresh.has(code)) this.forget();
    this.listener.state("lost");
    if (code === 4004) return void this.refused();
    const pause = Math.min(kBackoffMaxMs, kBackoffMs * 2 ** this.failures);
    this.failures += 1;
    this.stopWait = this.world.after(pause * (0.5 + this.world.random() / 2), () => {
      this.listener.state("connecting");
      this.start();
    });
  }

  private async refused() {
    this.forget();
    this.renewals += 1;
    const token = this.renewals > kRenewalsMax ? undefined : await this.listener.renew();
    if (!token) return this.listener.state("stopped", "The hub does not know this session.");
    this.token = token;
    this.start();
  }
}
