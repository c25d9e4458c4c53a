import type {
  AlertId,
  ChannelId,
  CloudConfigId,
  ConnectionId,
  GroupId,
  JobId,
  ProviderKind,
  RepositoryId,
  RoleId,
  RunId,
  SavedQueryId,
  TaskId,
  TokenId,
  UserId,
} from '@nixen/api'
import type { Generated, Kysely } from 'kysely'

// Booleans are 0 or 1, times epoch milliseconds, `*_json` JSON text: what SQLite and PostgreSQL both have.

interface UserTable {
  id: UserId
  name: string
  /** `name` folded, so that Ada and ada are one. */
  name_key: string
  full_name: string | null
  email: string | null
  /** PHC string of argon2id. */
  password: string
  disabled: number
  /** Sealed base 32 secret. */
  totp: string | null
  /** Sealed secret that was offered and not confirmed yet. */
  totp_offer: string | null
  /** Last time step that was used, so that a code works once. */
  totp_step: number | null
  /** SHA-256 of the recovery codes that are left, a JSON list. */
  recovery_json: string | null
  created: number
  last_login: number | null
}
interface GroupTable {
  id: GroupId
  name: string
  name_key: string
  description: string | null
}
interface RoleTable {
  id: RoleId
  name: string
  name_key: string
  description: string | null
  grants_json: string
}
interface UserRoleTable {
  user_id: UserId
  role_id: RoleId
}
interface GroupRoleTable {
  group_id: GroupId
  role_id: RoleId
}
interface GroupMemberTable {
  group_id: GroupId
  user_id: UserId
}
interface SessionTable {
  /** SHA-256 of the cookie's secret. */
  hash: string
  id: string
  user_id: UserId
  created: number
  last_used: number
  expires: number
  address: string | null
  agent: string | null
}
interface TokenTable {
  id: TokenId
  hash: string
  user_id: UserId
  name: string
  grants_json: string | null
  created: number
  expires: number | null
  last_used: number | null
}
interface ConnectionTable {
  id: ConnectionId
  kind: ProviderKind
  name: string
  address: string
  username: string
  /** Sealed. */
  password: string
  fingerprint: string | null
  enabled: number
  read_only: number
  pool_key: string | null
  /** Other members that were seen, a JSON list. */
  members_json: string | null
  created: number
}
interface SettingTable {
  key: string
  value_json: string
}
interface SavedQueryTable {
  id: SavedQueryId
  owner: UserId
  name: string
  type: string
  q: string
  sort: string | null
  columns_json: string | null
  shared: number
  is_default: number
}
interface CloudConfigTable {
  id: CloudConfigId
  /** The name without regard to capitals. */
  name_key: string
  config_json: string
  created: number
}
interface AuditTable {
  seq: number
  /** The entry without `seq` and `hash`, exactly as it was hashed. */
  entry_json: string
  hash: string
}
interface TaskTable {
  id: TaskId
  /** The task as the inventory has it. */
  task_json: string
  created: number
  /** Absent while it runs. */
  finished: number | null
}
interface TaskLineTable {
  task_id: TaskId
  /** Place in the log of the task, from 1. */
  seq: number
  at: number
  text: string
}
interface UndoTable {
  id: string
  /** What it was written down for. */
  task_id: TaskId
  connection: ConnectionId
  step_json: string
  created: number
  /** Why it could not be undone the last time. */
  failure: string | null
}

interface RepositoryTable {
  id: RepositoryId
  name: string
  /** `name` folded, so that there is one NAS. */
  name_key: string
  location: string
  /** Sealed. */
  password: string
  /** Sealed JSON of the S3 credentials. */
  credentials: string | null
  /** Maintenance and limits. */
  options_json: string
  /** What was seen of it: state, figures, last check. Nothing of it is needed to reach it. */
  seen_json: string
  created: number
}
interface JobTable {
  id: JobId
  /** The job without what is found out each time. */
  job_json: string
  created: number
}
interface ScheduleMarkTable {
  job_id: JobId
  /** Name of the schedule. */
  schedule: string
  /** When it was due last, as far as it was seen to. */
  due: number
}
interface RunTable {
  id: RunId
  job_id: JobId
  run_json: string
  started: number
  finished: number | null
}
interface RunItemTable {
  run_id: RunId
  /** Place among the objects of the run. */
  place: number
  item_json: string
}

interface ChannelTable {
  id: ChannelId
  name: string
  /** `name` folded. */
  name_key: string
  enabled: number
  /** Messages in an hour at the most. */
  hourly: number
  /** Sealed JSON: where it goes, with its secrets. */
  target: string
  created: number
}
interface DeliveryTable {
  id: string
  channel_id: ChannelId
  subject: string
  /** The message, whole. */
  message_json: string
  state: 'waiting' | 'sent' | 'failed'
  created: number
  next_try: number
  tries: number
  /** What the server said the last time. */
  answer: Generated<string | null>
  /** When it was taken or given up. */
  finished: Generated<number | null>
  /** When a try failed last, and why. */
  failed: Generated<number | null>
  failure: Generated<string | null>
}
interface AlertTable {
  id: AlertId
  /** The rule, with its silence. */
  alert_json: string
  created: number
}
interface AlertStateTable {
  alert_id: AlertId
  /** Id of the object that it is about. */
  subject: string
  state_json: string
}

/** All tables of the state. */
export interface Tables {
  users: UserTable
  groups: GroupTable
  roles: RoleTable
  user_roles: UserRoleTable
  group_roles: GroupRoleTable
  group_members: GroupMemberTable
  sessions: SessionTable
  tokens: TokenTable
  connections: ConnectionTable
  settings: SettingTable
  saved_queries: SavedQueryTable
  cloud_configs: CloudConfigTable
  audit: AuditTable
  tasks: TaskTable
  task_lines: TaskLineTable
  undo: UndoTable
  jobs: JobTable
  schedule_marks: ScheduleMarkTable
  runs: RunTable
  run_items: RunItemTable
  repositories: RepositoryTable
  channels: ChannelTable
  deliveries: DeliveryTable
  alerts: AlertTable
  alert_states: AlertStateTable
}
/** The state's queries. */
export type Db = Kysely<Tables>
