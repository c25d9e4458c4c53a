/** A change of the schema. Its number is its place in the list, from 1; what was released is never edited. */
export interface Migration {
  readonly name: string
  readonly statements: readonly string[]
}

const first: Migration = {
  name: 'users, roles, sessions, connections, settings, audit',
  statements: [
    `CREATE TABLE users (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, full_name TEXT, email TEXT,
      password TEXT NOT NULL, disabled INTEGER NOT NULL, totp TEXT, totp_offer TEXT, totp_step INTEGER,
      recovery_json TEXT, created BIGINT NOT NULL, last_login BIGINT)`,
    `CREATE TABLE groups (id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, description TEXT)`,
    `CREATE TABLE roles (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, description TEXT, grants_json TEXT NOT NULL)`,
    // Roles that come with Nixen are not in `roles`, so role_id refers to nothing.
    `CREATE TABLE user_roles (
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, role_id TEXT NOT NULL,
      PRIMARY KEY (user_id, role_id))`,
    `CREATE TABLE group_roles (
      group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE, role_id TEXT NOT NULL,
      PRIMARY KEY (group_id, role_id))`,
    `CREATE TABLE group_members (
      group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, PRIMARY KEY (group_id, user_id))`,
    `CREATE INDEX group_members_user ON group_members (user_id)`,
    `CREATE TABLE sessions (
      hash TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      created BIGINT NOT NULL, last_used BIGINT NOT NULL, expires BIGINT NOT NULL, address TEXT, agent TEXT)`,
    `CREATE INDEX sessions_user ON sessions (user_id)`,
    `CREATE TABLE tokens (
      id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      name TEXT NOT NULL, grants_json TEXT, created BIGINT NOT NULL, expires BIGINT, last_used BIGINT)`,
    `CREATE INDEX tokens_user ON tokens (user_id)`,
    `CREATE TABLE connections (
      id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, username TEXT NOT NULL,
      password TEXT NOT NULL, fingerprint TEXT, enabled INTEGER NOT NULL, read_only INTEGER NOT NULL, pool_key TEXT,
      members_json TEXT, created BIGINT NOT NULL)`,
    `CREATE TABLE settings (key TEXT PRIMARY KEY, value_json TEXT NOT NULL)`,
    `CREATE TABLE saved_queries (
      id TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, name TEXT NOT NULL,
      type TEXT NOT NULL, q TEXT NOT NULL, sort TEXT, columns_json TEXT, shared INTEGER NOT NULL,
      is_default INTEGER NOT NULL, UNIQUE (owner, name))`,
    `CREATE TABLE audit (seq BIGINT PRIMARY KEY, entry_json TEXT NOT NULL, hash TEXT NOT NULL)`,
  ],
}

const tasks: Migration = {
  name: 'tasks, undo steps',
  statements: [
    `CREATE TABLE tasks (id TEXT PRIMARY KEY, task_json TEXT NOT NULL, created BIGINT NOT NULL, finished BIGINT)`,
    `CREATE INDEX tasks_finished ON tasks (finished)`,
    `CREATE TABLE task_lines (
      task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE, seq INTEGER NOT NULL, at BIGINT NOT NULL, text TEXT NOT NULL,
      PRIMARY KEY (task_id, seq))`,
    // Steps outlive their task: what is not undone yet is not forgotten with the history.
    `CREATE TABLE undo (
      id TEXT PRIMARY KEY, task_id TEXT NOT NULL, connection TEXT NOT NULL, step_json TEXT NOT NULL, created BIGINT NOT NULL,
      failure TEXT)`,
    `CREATE INDEX undo_connection ON undo (connection)`,
  ],
}

const repositories: Migration = {
  name: 'repositories',
  statements: [
    `CREATE TABLE repositories (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, location TEXT NOT NULL, password TEXT NOT NULL,
      credentials TEXT, options_json TEXT NOT NULL, seen_json TEXT NOT NULL, created BIGINT NOT NULL)`,
  ],
}

const jobs: Migration = {
  name: 'jobs, schedules, runs',
  statements: [
    `CREATE TABLE jobs (id TEXT PRIMARY KEY, job_json TEXT NOT NULL, created BIGINT NOT NULL)`,
    `CREATE TABLE schedule_marks (
      job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, schedule TEXT NOT NULL, due BIGINT NOT NULL,
      PRIMARY KEY (job_id, schedule))`,
    // Runs outlive their job: what happened is not forgotten with it.
    `CREATE TABLE runs (
      id TEXT PRIMARY KEY, job_id TEXT NOT NULL, run_json TEXT NOT NULL, started BIGINT NOT NULL, finished BIGINT)`,
    `CREATE INDEX runs_job ON runs (job_id, started)`,
    `CREATE INDEX runs_started ON runs (started)`,
    `CREATE TABLE run_items (
      run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, place INTEGER NOT NULL, item_json TEXT NOT NULL,
      PRIMARY KEY (run_id, place))`,
  ],
}

const taskHistory: Migration = {
  name: 'tasks by time',
  statements: [`CREATE INDEX tasks_created ON tasks (created, id)`],
}

const alerts: Migration = {
  name: 'channels, deliveries, alerts',
  statements: [
    `CREATE TABLE channels (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL, hourly INTEGER NOT NULL,
      target TEXT NOT NULL, created BIGINT NOT NULL)`,
    `CREATE TABLE deliveries (
      id TEXT PRIMARY KEY, channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE, subject TEXT NOT NULL,
      message_json TEXT NOT NULL, state TEXT NOT NULL, created BIGINT NOT NULL, next_try BIGINT NOT NULL, tries INTEGER NOT NULL,
      answer TEXT, finished BIGINT, failed BIGINT, failure TEXT)`,
    `CREATE INDEX deliveries_due ON deliveries (channel_id, state, next_try)`,
    `CREATE INDEX deliveries_finished ON deliveries (channel_id, finished)`,
    `CREATE TABLE alerts (id TEXT PRIMARY KEY, alert_json TEXT NOT NULL, created BIGINT NOT NULL)`,
    `CREATE TABLE alert_states (
      alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE, subject TEXT NOT NULL, state_json TEXT NOT NULL,
      PRIMARY KEY (alert_id, subject))`,
  ],
}

const cloudConfigs: Migration = {
  name: 'saved configurations for cloud-init',
  statements: [
    `CREATE TABLE cloud_configs (
      id TEXT PRIMARY KEY, name_key TEXT NOT NULL UNIQUE, config_json TEXT NOT NULL, created BIGINT NOT NULL)`,
  ],
}

/** All changes of the schema, oldest first. */
export const migrations: readonly Migration[] = [first, tasks, repositories, jobs, taskHistory, alerts, cloudConfigs]

/** Schema that this version writes. */
export const knownSchema: number = migrations.length
