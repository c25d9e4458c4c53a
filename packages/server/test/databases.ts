import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '@nixen/core'
import pg from 'pg'

/** A kind of database that tests run on. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string
  /** Settings of a server with a fresh database. */
  fresh(): Promise<Readonly<Record<string, string>>>
}

/**
 * SQLite, and PostgreSQL: the one of `NIXEN_TEST_POSTGRES` (a URL of somebody who may create databases), or one that is started here
 * when Debian's binaries are there.
 */
export function testDatabases(): readonly { readonly name: string; readonly start: () => Promise<TestDatabase> }[] {
  const sqlite = { name: 'SQLite', start: () => Promise.resolve(onSqlite()) }
  const url = process.env['NIXEN_TEST_POSTGRES']
  if (url) return [sqlite, { name: 'PostgreSQL', start: () => Promise.resolve(onPostgres(url)) }]
  const binaries = dirname(globSync('/usr/lib/postgresql/*/bin/initdb').toSorted().at(-1) ?? '')
  if (binaries === '' || binaries === '.') return [sqlite]
  return [sqlite, { name: 'PostgreSQL', start: async () => await startPostgres(binaries) }]
}

function onSqlite(): TestDatabase {
  return { name: 'SQLite', fresh: () => Promise.resolve({}), [Symbol.asyncDispose]: () => Promise.resolve() }
}

function onPostgres(url: string, stop: () => Promise<void> = () => Promise.resolve()): TestDatabase {
  const made: string[] = []
  return {
    name: 'PostgreSQL',
    async fresh() {
      const name = `nixen_test_${process.pid}_${made.length}`
      await asOwner(url, `CREATE DATABASE ${name}`)
      made.push(name)
      const own = new URL(url)
      own.pathname = `/${name}`
      return { 'database.url': own.href }
    },
    async [Symbol.asyncDispose]() {
      for (const name of made) await asOwner(url, `DROP DATABASE ${name} WITH (FORCE)`)
      await stop()
    },
  }
}

async function asOwner(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** PostgreSQL of one test file, on a socket in a directory of its own. It refuses to run as root. */
async function startPostgres(binaries: string): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'nixen-postgres-'))
  const user = process.getuid?.() === 0 ? somebodyElse() : undefined
  if (user) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, stdio: 'ignore' } as const
  const { status } = spawnSync(
    join(binaries, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'nixen', '-E', 'UTF8', '--no-locale', '--no-sync'],
    options,
  )
  if (status !== 0) throw new Error(`initdb ended with ${status}`)
  const args = ['-D', data, '-k', folder, '-h', '', '-F', '-c', 'max_connections=20', '-c', 'shared_buffers=8MB']
  const child = spawn(join(binaries, 'postgres'), args, options)
  const url = `postgres://nixen@${encodeURIComponent(folder)}/postgres`
  await untilItAnswers(url, child)
  return onPostgres(url, async () => {
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
}

function somebodyElse(): { uid: number; gid: number } {
  if (!existsSync('/etc/passwd')) throw new Error('There is nobody else to run PostgreSQL as')
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = lines.find((text) => text.startsWith('postgres:')) ?? lines.find((text) => text.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await asOwner(url, 'SELECT 1')
    } catch (error) {
      if (attempt > 300 || child.exitCode !== null) throw error
      await systemClock.sleep(100)
    }
  }
}
