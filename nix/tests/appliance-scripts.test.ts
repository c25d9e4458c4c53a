import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { sandbox, type Sandbox } from './sandbox.ts'

describe('the backup of the state', () => {
  const rig = (keep = '2'): { box: Sandbox; env: Record<string, string> } => {
    const box = sandbox()
    mkdirSync(box.at('backups'))
    box.program('nixen', 'mkdir "$3"; echo state > "$3/db.sqlite"')
    const env = {
      NIXEN: box.at('bin/nixen'),
      NIXEN_STATE_DIR: box.at('state'),
      NIXEN_BACKUP_DIRECTORY: box.at('backups'),
      NIXEN_BACKUP_KEEP: keep,
    }
    return { box, env }
  }

  test('keeps the newest, removes older ones only after a new one is whole, and leaves what is not its own', async () => {
    const { box, env } = rig()
    using _ = box
    for (const name of [
      'nixen-2020-01-01T000000Z',
      'nixen-2021-01-01T000000Z',
      'pre-update-2020-01-01T000000Z',
      'mine',
    ])
      mkdirSync(box.at(`backups/${name}`))
    mkdirSync(box.at('backups/nixen-2022-01-01T000000Z.new'))
    expect(await box.script('state-backup', ['--config', 'x'], env)).toMatchObject({ code: 0 })
    expect(box.calls()[0]).toMatch(/^nixen state backup \S+\/nixen-\S+Z\.new --config x$/)
    const left = readdirSync(box.at('backups')).toSorted()
    expect(left.map((name) => name.replace(/20(?!2[01]).{16}/, 'NOW'))).toEqual([
      'mine',
      'nixen-2021-01-01T000000Z',
      'nixen-NOW',
      'pre-update-2020-01-01T000000Z',
    ])
  })

  test('that fails removes nothing', async () => {
    const { box, env } = rig('1')
    using _ = box
    mkdirSync(box.at('backups/nixen-2020-01-01T000000Z'))
    box.program('nixen', 'mkdir "$3"; exit 7')
    expect(await box.script('state-backup', [], env)).toMatchObject({ code: 7 })
    expect(readdirSync(box.at('backups'))).toContain('nixen-2020-01-01T000000Z')
    expect(await box.script('state-backup', [], { ...env, NIXEN_BACKUP_KEEP: 'all' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not a number'),
    })
  })

  test('of PostgreSQL is a dump that can be listed, with the keys', async () => {
    const { box, env } = rig()
    using _ = box
    mkdirSync(box.at('state/keys'), { recursive: true })
    box.write('state/keys/master.key', 'key')
    box.program('pg_dump', 'while [[ $1 != --file ]]; do shift; done; echo dump > "$2"')
    box.program('pg_restore', 'grep -q dump "$2"')
    expect(await box.script('state-backup', [], { ...env, NIXEN_BACKUP_POSTGRES: 'nixen' })).toMatchObject({ code: 0 })
    const [made = ''] = readdirSync(box.at('backups'))
    expect(readFileSync(box.at(`backups/${made}/keys/master.key`), 'utf8')).toBe('key')
  })
})

describe('before a switch', () => {
  const quiet = (box: Sandbox, active: boolean): void => box.program('systemctl', active ? 'exit 0' : 'exit 3')

  test('files that are missing or empty are named with their option', async () => {
    using box = sandbox()
    quiet(box, true)
    const there = box.write('there.pem', 'x')
    const empty = box.write('empty.pem', '')
    const files = `services.nixen.tls.certificateFile ${there}\nservices.nixen.tls.keyFile ${box.at('gone.pem')}\nservices.nixen.database.urlFile ${empty}\n`
    const { code, stderr } = await box.script('pre-switch', [], { NIXEN_FILES: files })
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toEqual([
      `nixen: services.nixen.tls.keyFile is ${box.at('gone.pem')}, and there is no such file. Put it there, or change the option.`,
      `nixen: services.nixen.database.urlFile is ${empty}, and that file is empty.`,
    ])
  })

  test('a port that another program has is named with its option, unless it is Nixen that has it', async () => {
    using box = sandbox()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    // `ss` is not on every machine; what it says is what the kernel says.
    box.program('ss', `echo 'LISTEN 0 511 127.0.0.1:${port} 0.0.0.0:* users:(("node",pid=1,fd=2))'`)
    const ports = { NIXEN_PORTS: `services.nixen.settings.server.port ${port}\n` }
    quiet(box, false)
    const refused = await box.script('pre-switch', [], ports)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`services.nixen.settings.server.port wants port ${port}, which is in use`)
    quiet(box, true)
    expect(await box.script('pre-switch', [], ports)).toMatchObject({ code: 0 })
    server.close()
    await once(server, 'close')
  })
})

describe('after an update that was taken back', () => {
  function rig(): { box: Sandbox; env: Record<string, string> } {
    const box = sandbox()
    for (const folder of ['state', 'backups/pre-update-2026-01-01T000000Z', 'backups/pre-update-2026-02-01T000000Z'])
      mkdirSync(box.at(folder), { recursive: true })
    box.write('state/db.sqlite', 'newer')
    box.write('backups/pre-update-2026-02-01T000000Z/nixen-state.json', '{}')
    box.program('nixen', 'mkdir "$5"; echo "from $3" > "$5/db.sqlite"')
    box.program('systemctl', '')
    return {
      box,
      env: { NIXEN: box.at('bin/nixen'), NIXEN_STATE_DIR: box.at('state'), NIXEN_BACKUP_DIRECTORY: box.at('backups') },
    }
  }

  test('the newest copy from before takes the place of the state, which is kept aside', async () => {
    const { box, env } = rig()
    using _ = box
    expect(await box.script('return-state', [], env)).toMatchObject({ code: 0 })
    expect(readFileSync(box.at('state/db.sqlite'), 'utf8')).toContain('pre-update-2026-02-01T000000Z')
    const aside = readdirSync(box.path).find((name) => name.startsWith('state.after-update-')) ?? ''
    expect(readFileSync(box.at(`${aside}/db.sqlite`), 'utf8')).toBe('newer')
    expect(box.calls().map((call) => call.split(' ').slice(0, 2).join(' '))).toEqual([
      'nixen state',
      'systemctl stop',
      'systemctl reset-failed',
      'systemctl start',
    ])
  })

  test("a copy that is damaged or missing takes nobody's place", async () => {
    const { box, env } = rig()
    using _ = box
    box.program('nixen', 'exit 5')
    expect(await box.script('return-state', [], env)).toMatchObject({ code: 5 })
    rmSync(box.at('backups'), { recursive: true })
    mkdirSync(box.at('backups'))
    expect((await box.script('return-state', [], env)).stderr).toContain(
      'There is no copy of the state from before the update',
    )
    expect(readFileSync(box.at('state/db.sqlite'), 'utf8')).toBe('newer')
    expect(box.calls().some((call) => call.startsWith('systemctl'))).toBe(false)
  })
})
