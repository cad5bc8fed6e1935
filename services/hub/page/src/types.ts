// The shapes of Discord v10 that the page reads, and those that only Troupe has.

export type Id = string;

export interface User {
  id: Id;
  username: string;
  global_name?: string | null;
  bot?: boolean;
}

export interface Member {
  user: User;
  nick?: string | null;
}

export interface Channel {
  id: Id;
  type: number; // 0 text, 1 direct message, 4 category
  name?: string;
  topic?: string | null;
  position?: number;
  parent_id?: Id | null;
  guild_id?: Id;
  last_message_id?: Id | null;
  recipients?: User[];
}

export interface Role {
  id: Id;
  name: string;
}

export interface Guild {
  id: Id;
  name: string;
  channels: Channel[];
  members: Member[];
  roles: Role[];
  presences?: Presence[];
}

export interface Presence {
  user: { id: Id };
  status: string;
}

export interface Attachment {
  id: Id;
  filename: string;
  size: number;
  url: string;
  content_type?: string | null;
  width?: number | null;
  height?: number | null;
}

export interface Embed {
  title?: string;
  description?: string;
  url?: string;
  fields?: { name: string; value: string }[];
  footer?: { text: string };
}

export interface Reaction {
  count: number;
  me: boolean;
  emoji: { id?: Id | null; name: string };
}

export interface Message {
  id: Id;
  channel_id: Id;
  author: User;
  content: string;
  timestamp: string;
  edited_timestamp?: string | null;
  type: number; // 0 plain, 19 reply, 20 and 23 answers to commands
  flags?: number; // 64: only for who called the command
  nonce?: string | number;
  webhook_id?: Id;
  mentions?: User[];
  mention_everyone?: boolean;
  attachments?: Attachment[];
  embeds?: Embed[];
  reactions?: Reaction[];
  message_reference?: { message_id?: Id };
  referenced_message?: Message | null;
  interaction?: { name: string; user: User };
  // The page's own: what became of a line on its way to the hub.
  sending?: "pending" | "failed";
  files?: File[];
}

export interface Command {
  id: Id;
  application_id: Id;
  name: string;
  type: number; // 1 slash, 3 on a message
  description?: string;
  options?: { name: string; description?: string; type: number; required?: boolean }[];
}

// contracts::HubStage.
export interface Stage {
  channel_id: Id;
  energy: number;
  energy_max: number;
  message_count: number;
  quiet_until_ms: number;
  status: string;
  character: string;
  reason: string;
  turn_id: string;
}

export type ScoreTable = Record<string, Record<string, number>>;

export interface Finding {
  code: string;
  severity: string;
  hint: string;
}

export interface Assessment {
  score: number;
  threshold: number;
  passed: boolean;
  components: Record<string, number>;
  findings: Finding[];
}

export interface Attempt {
  number: number;
  band: string;
  text: string;
  model: string;
  provider: string;
  fault?: string;
  assessment?: Assessment;
  failovers?: string[];
  hints?: string[];
  draft_ms: number;
  assess_ms: number;
}

// contracts::TurnRecord.
export interface TurnRecord {
  turn_id: string;
  message_id: string;
  author: string;
  message: string;
  kind: string;
  status: string;
  reason: string;
  character: string;
  text: string;
  model: string;
  variant?: string;
  passed: boolean;
  score: number;
  degraded: boolean;
  sources: { title: string; uri: string; span: string }[];
  scores: ScoreTable;
  attempts: Attempt[];
  faults: string[];
  stages: { name: string; start_ms: number; ms: number }[];
  ms: number;
}
